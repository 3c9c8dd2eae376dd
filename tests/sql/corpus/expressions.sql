-- Expressions: literals, operators, predicates, constructors, functions and lambdas, nested in each other.
SELECT
  1,
  -1,
  +1,
  2147483647,
  -2147483648,
  2147483648,
  9223372036854775807,
  -9223372036854775808
FROM A;
SELECT
  1.0,
  0.10,
  -5.25,
  123456789012345678901234567890.5,
  0.5
FROM A;
SELECT
  1E0,
  1.5E3,
  -2E-7,
  1E2
FROM A;
SELECT
  'text',
  '',
  'it''s',
  'a "quoted" one',
  'two
lines',
  'ünïcödé'
FROM A;
SELECT
  true,
  false,
  null
FROM A;
SELECT
  CAST('2020-01-31' AS DATE),
  CAST('10:15:00' AS TIME),
  CAST('2020-01-31T10:15:00' AS TIMESTAMP),
  1.50
FROM A;
SELECT
  (A + B),
  (A - B),
  (A * B),
  (A / B),
  (A % B)
FROM X;
SELECT
  (A + (B * C)),
  ((A + B) * C),
  (A - (B - C)),
  ((A - B) - C),
  ((A / B) / C),
  (A % (B + 1))
FROM X;
SELECT
  -A,
  -A,
  - -A,
  +A,
  -(A + B),
  (-A * B),
  (A - -B),
  (A + -1)
FROM X;
SELECT
  (A || B),
  ((A || B) || C),
  ((A + B) || C),
  ('x' || CAST(N AS STRING))
FROM X;
SELECT
  (A = B),
  (A <> B),
  (A <> B),
  (A < B),
  (A <= B),
  (A > B),
  (A >= B)
FROM X;
SELECT
  (A AND B),
  (A OR B),
  (NOT A),
  (NOT (NOT A)),
  ((A AND B) OR (C AND D)),
  ((A AND (B OR C)) AND (NOT D))
FROM X;
SELECT
  ((A = 1) = (B = 2)),
  (NOT (A = 1)),
  ((A = 1) AND (B = 2))
FROM X;
SELECT
  (A IS NULL),
  (A IS NOT NULL),
  ((A IS NULL) IS NOT NULL)
FROM X;
SELECT
  (A IS DISTINCT FROM B),
  (A IS NOT DISTINCT FROM null)
FROM X;
SELECT
  (A BETWEEN 1 AND 2),
  (A NOT BETWEEN (B - 1) AND (B + 1))
FROM X;
SELECT
  (A IN (1)),
  (A IN (1, 2, 3)),
  (A NOT IN ('x', 'y')),
  (A IN (B, (C + 1), null))
FROM X;
SELECT
  (A LIKE 'x%'),
  (A NOT LIKE '_y'),
  (A LIKE '10!%' ESCAPE '!'),
  (A NOT LIKE B ESCAPE '''')
FROM X;
SELECT
  (CASE WHEN A THEN 1 END),
  (CASE WHEN (A > 1) THEN 'x' WHEN (A > 0) THEN 'y' ELSE 'z' END)
FROM X;
SELECT
  (CASE A WHEN 1 THEN 'one' WHEN 2 THEN 'two' ELSE null END)
FROM X;
SELECT
  (CASE WHEN A THEN (CASE B WHEN 1 THEN 2 END) ELSE (CASE WHEN C THEN 3 ELSE 4 END) END)
FROM X;
SELECT
  CAST(A AS STRING),
  CAST(A AS INTEGER),
  CAST(A AS DECIMAL(4, 2)),
  CAST(A AS ARRAY<BIGINT>)
FROM X;
SELECT
  CAST(A AS MAP<STRING, DOUBLE>),
  CAST(A AS STRUCT<F INTEGER, `g` DATE>),
  CAST(A AS ADDRESS),
  CAST(null AS BYTES)
FROM X;
SELECT
  CAST(CAST(A AS STRING) AS TIMESTAMP)
FROM X;
SELECT
  ARRAY[],
  ARRAY[1],
  ARRAY[A, (B + 1), null],
  ARRAY[ARRAY[1], ARRAY[2]]
FROM X;
SELECT
  MAP(),
  MAP('a':=1),
  MAP(K:=V, 'b':=ARRAY[1]),
  MAP('m':=MAP('n':=1))
FROM X;
SELECT
  STRUCT(),
  STRUCT(A:=1),
  STRUCT(`a`:=B, C:=STRUCT(D:=E))
FROM X;
SELECT
  L[1],
  L[-1],
  L[(I + 1)],
  L[1][2],
  M['k'],
  M['k']['l'],
  M[K]
FROM X;
SELECT
  S->A,
  S->`a`,
  S->A->B,
  X.S->A,
  S->L[1]->B,
  L[1]->M['k']->C
FROM X;
SELECT
  (CASE WHEN A THEN S ELSE T END)->F,
  STRUCT(A:=1)->A,
  ARRAY[1, 2][1],
  MAP('a':=1)['a']
FROM X;
SELECT
  X.A,
  `x`.A,
  `x`.`a`
FROM X;
SELECT
  (T AT TIME ZONE 'Europe/Berlin'),
  ((T AT TIME ZONE 'UTC') AT TIME ZONE '+01:00')
FROM X;
SELECT
  COUNT(*),
  COUNT(),
  COUNT(A),
  SUM((A + 1)),
  TOPK(A, 3),
  LATEST_BY_OFFSET(A, 2, false)
FROM X;
SELECT
  UCASE(A),
  LEN(TRIM(A)),
  CONCAT(A, B, C),
  COALESCE(A, IFNULL(B, 'c'))
FROM X;
SELECT
  DATEADD(DAYS, 1, D),
  DATESUB(HOURS, N, D),
  TIMESTAMPADD(MILLISECONDS, -5, T),
  TIMESUB(MINUTES, 1, T)
FROM X;
SELECT
  DAY,
  DAYS,
  HOUR
FROM X;
SELECT
  TRANSFORM(L, (X) => (X * 2)),
  TRANSFORM(M, (K, V) => UCASE(K), (K, V) => (V + 1))
FROM X;
SELECT
  FILTER(L, (X) => ((X > 1) AND (X < 5))),
  FILTER(M, (K, V) => (V IS NOT NULL))
FROM X;
SELECT
  REDUCE(L, 0, (S, X) => (S + X)),
  REDUCE(M, '', (S, K, V) => ((S || K) || CAST(V AS STRING)))
FROM X;
SELECT
  TRANSFORM(L, (X) => X),
  TRANSFORM(L, (X) => TRANSFORM(X, (Y) => (Y + A))),
  REDUCE(FILTER(L, (X) => (X > 0)), 1, (P, X) => (P * X))
FROM X;
SELECT
  TRANSFORM(L, (X) => (CASE WHEN (X > 1) THEN STRUCT(V:=X) ELSE null END))
FROM X;
SELECT
  EXTRACTJSONFIELD(DOC, '$.a.b[0]'),
  JSON_CONCAT(A, B),
  TO_JSON_STRING(S)
FROM X;
SELECT
  F(G(H(1), -1), ARRAY[MAP('k':=STRUCT(F:=I(2)))])
FROM X;
SELECT
  KEY,
  MAP,
  ARRAY,
  STRUCT,
  DATE,
  TIME,
  TIMESTAMP,
  TYPE,
  TOPIC,
  SIZE,
  GRACE,
  RETENTION,
  EMIT,
  FINAL,
  CHANGES
FROM X;
SELECT
  `from`,
  `select`,
  `where`,
  `CASE` AS `end`
FROM `group`;
SELECT
  IF,
  REPLACE,
  EXISTS_
FROM X;
SELECT
  A,
  B,
  C
FROM X;
SELECT
  A
FROM X
WHERE (A = 1);
SELECT
  A
FROM X
WHERE (((NOT ((A = 1) AND ((B IS NULL) OR (C NOT IN (1, 2))))) AND (D NOT BETWEEN 1 AND 2)) OR (E LIKE '%'));
SELECT
  A
FROM X
WHERE ((S->F IN (M['k'], L[1])) AND ((A IS DISTINCT FROM B) = true));
SELECT
  A
FROM X
WHERE (CASE WHEN (A > 1) THEN B ELSE C END);
SELECT
  A
FROM X
WHERE (ARRAY_CONTAINS(ARRAY[1, 2], A) AND (GEO_DISTANCE(1.0, 2.0, LAT, LON, 'KM') < 5));
