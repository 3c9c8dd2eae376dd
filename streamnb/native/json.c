/* Decodes JSON documents of a plain form into Arrow columns, and says of which rows it did.
 *
 * Plain: a record whose names are ASCII without escapes and fit one column each at most; numbers of integer columns
 * are integers in range; texts are Unicode, whole surrogate pairs only; nothing but white space follows. What a plain
 * document means is beyond doubt. Any other row is left to the decoders that know all of ksqlDB's rules.
 */

#define _GNU_SOURCE /* strtod_l */

#include "columns.h"

#include <locale.h>
#include <stddef.h>
#ifdef __APPLE__
#include <xlocale.h>
#endif

enum { BOOLEAN = 1, INTEGER = 2, BIGINT = 3, DOUBLE = 4, STRING = 5 };
enum { DEPTH_MAX = 64, NUMBER_BYTES_MAX = 40, GUESSES = 64 };
enum { DIGITS_EXACT = 15, POWER_EXACT = 22, DIGITS_INTEGER = 18, EXPONENT_MAX = 280 };

typedef struct { /* a column: its name, its type, and where its values go. Mirrored in Python. */
    const char *name;
    int64_t name_size;
    int32_t type;
    uint8_t *valid; /* of fixed types: a bit per row, clear at the start */
    void *values;   /* of fixed types: bits for BOOLEAN, else int32_t, int64_t, double */
    strings texts;  /* of STRING */
} field;

typedef struct { /* what the current document says of a column */
    int seen;
    int is_null;
    int64_t integer;
    double number;
    const uint8_t *text;
    size_t size;
} slot;

typedef struct {
    const uint8_t *at, *end;
    uint8_t *scratch; /* room for the texts of the document that have escapes: they never get longer */
} cursor;

typedef struct { /* the name at a place in the documents so far, and its field */
    const uint8_t *name;
    size_t size;
    int field;
} guess;

typedef struct {
    int64_t integer;
    double value;
    int is_integer;
} number;

static const double POWERS[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

static void skip_space(cursor *c) {
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\t' || *c->at == '\n' || *c->at == '\r'))
        c->at++;
}

static int take(cursor *c, uint8_t wanted) {
    if (c->at == c->end || *c->at != wanted)
        return 0;
    c->at++;
    return 1;
}

static int take_word(cursor *c, const char *word, size_t size) {
    if ((size_t)(c->end - c->at) < size || memcmp(c->at, word, size) != 0)
        return 0;
    c->at += size;
    return 1;
}

/* Pass one character of several bytes, if it is valid UTF-8: shortest form, no surrogate, at most U+10FFFF. */
static int take_wide(cursor *c) {
    const uint8_t *p = c->at;
    ptrdiff_t left = c->end - p;
    int size = p[0] >= 0xc2 && p[0] <= 0xdf ? 2 : (p[0] & 0xf0) == 0xe0 ? 3 : p[0] >= 0xf0 && p[0] <= 0xf4 ? 4 : 0;
    if (size == 0 || left < size)
        return 0;
    for (int i = 1; i < size; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf0 && p[1] < 0x90) ||
        (p[0] == 0xf4 && p[1] > 0x8f))
        return 0;
    c->at += size;
    return 1;
}

static int take_hex(cursor *c, uint32_t *unit) {
    *unit = 0;
    if (c->end - c->at < 4)
        return 0;
    for (int i = 0; i < 4; i++) {
        uint8_t byte = *c->at++;
        uint32_t digit = byte >= '0' && byte <= '9'   ? (uint32_t)(byte - '0')
                         : byte >= 'a' && byte <= 'f' ? (uint32_t)(byte - 'a' + 10)
                         : byte >= 'A' && byte <= 'F' ? (uint32_t)(byte - 'A' + 10)
                                                      : 16u;
        if (digit == 16)
            return 0;
        *unit = *unit << 4 | digit;
    }
    return 1;
}

/* Pass what follows a backslash, and write it as UTF-8; a surrogate without its other half has no such form. */
static int take_escape(cursor *c, uint8_t **out) {
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    uint32_t point, low;
    if (c->at == c->end)
        return 0;
    uint8_t letter = *c->at++;
    const char *found = letter == '\0' ? NULL : strchr(letters, letter);
    if (found != NULL) {
        *(*out)++ = (uint8_t)meanings[found - letters];
        return 1;
    }
    if (letter != 'u' || !take_hex(c, &point) || (point >= 0xdc00 && point <= 0xdfff))
        return 0;
    if (point >= 0xd800 && point <= 0xdbff) {
        if (!take(c, '\\') || !take(c, 'u') || !take_hex(c, &low) || low < 0xdc00 || low > 0xdfff)
            return 0;
        point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
    }
    if (point < 0x80)
        *(*out)++ = (uint8_t)point;
    else if (point < 0x800) {
        *(*out)++ = (uint8_t)(0xc0 | point >> 6);
        *(*out)++ = (uint8_t)(0x80 | (point & 0x3f));
    } else if (point < 0x10000) {
        *(*out)++ = (uint8_t)(0xe0 | point >> 12);
        *(*out)++ = (uint8_t)(0x80 | (point >> 6 & 0x3f));
        *(*out)++ = (uint8_t)(0x80 | (point & 0x3f));
    } else {
        *(*out)++ = (uint8_t)(0xf0 | point >> 18);
        *(*out)++ = (uint8_t)(0x80 | (point >> 12 & 0x3f));
        *(*out)++ = (uint8_t)(0x80 | (point >> 6 & 0x3f));
        *(*out)++ = (uint8_t)(0x80 | (point & 0x3f));
    }
    return 1;
}

/* Pass a text in quotes; its bytes are [*start, *start + *size), in the document, or in `c->scratch` if it has escapes. */
static int take_text(cursor *c, const uint8_t **start, size_t *size) {
    if (!take(c, '"'))
        return 0;
    const uint8_t *run = c->at; /* what follows the last escape */
    uint8_t *first = c->scratch, *out = NULL;
    while (c->at < c->end) {
        uint8_t byte = *c->at;
        if (byte == '"' || byte == '\\') {
            size_t length = (size_t)(c->at++ - run);
            if (byte == '"' && out == NULL) {
                *start = run;
                *size = length;
                return 1;
            }
            out = out == NULL ? first : out;
            memcpy(out, run, length);
            out += length;
            if (byte == '\\' && !take_escape(c, &out))
                return 0;
            run = c->at;
            if (byte == '"') {
                *start = first;
                *size = (size_t)(out - first);
                c->scratch = out;
                return 1;
            }
        } else if (byte < 0x20)
            return 0;
        else if (byte < 0x80)
            c->at++;
        else if (!take_wide(c))
            return 0;
    }
    return 0;
}

static double exact(const uint8_t *start, size_t size) {
    static locale_t c_locale = (locale_t)0;
    char text[NUMBER_BYTES_MAX + 1];
    if (c_locale == (locale_t)0)
        c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    memcpy(text, start, size);
    text[size] = '\0';
    return strtod_l(text, NULL, c_locale);
}

static int take_number(cursor *c, number *n) {
    const uint8_t *start = c->at;
    int negative = take(c, '-'), digits = 0, shift = 0, exponent = 0, exponent_sign = 1;
    uint64_t mantissa = 0;
    n->is_integer = 1;
    if (c->at == c->end || *c->at < '0' || *c->at > '9')
        return 0;
    if (*c->at == '0' && c->end - c->at > 1 && c->at[1] >= '0' && c->at[1] <= '9')
        return 0;
    for (; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++, digits += mantissa > 0)
        mantissa = mantissa * 10 + (uint64_t)(*c->at - '0');
    if (take(c, '.')) {
        const uint8_t *first = c->at;
        n->is_integer = 0;
        for (; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++, shift--, digits += mantissa > 0)
            mantissa = mantissa * 10 + (uint64_t)(*c->at - '0');
        if (c->at == first)
            return 0;
    }
    if (c->at < c->end && (*c->at == 'e' || *c->at == 'E')) {
        c->at++;
        n->is_integer = 0;
        if (!take(c, '+') && take(c, '-'))
            exponent_sign = -1;
        const uint8_t *first = c->at;
        for (; c->at < c->end && *c->at >= '0' && *c->at <= '9' && c->at - first < 4; c->at++)
            exponent = exponent * 10 + (*c->at - '0');
        if (c->at == first || exponent > EXPONENT_MAX)
            return 0;
        shift += exponent_sign * exponent;
    }
    if (c->at - start > NUMBER_BYTES_MAX)
        return 0;
    if (n->is_integer && digits > DIGITS_INTEGER)
        n->is_integer = 0;
    n->integer = negative ? -(int64_t)mantissa : (int64_t)mantissa;
    if (mantissa == 0 && digits == 0)
        n->value = 0.0;
    else if (digits <= DIGITS_EXACT && shift >= -POWER_EXACT && shift <= POWER_EXACT) {
        double whole = (double)mantissa;
        n->value = shift < 0 ? whole / POWERS[-shift] : whole * POWERS[shift];
        n->value = negative ? -n->value : n->value;
    } else
        n->value = exact(start, (size_t)(c->at - start));
    return 1;
}

/* Pass a value that no column asks for. */
static int skip_value(cursor *c, int depth) {
    const uint8_t *start;
    size_t size;
    number ignored;
    if (c->at == c->end || depth > DEPTH_MAX)
        return 0;
    switch (*c->at) {
    case '"':
        return take_text(c, &start, &size);
    case 't':
        return take_word(c, "true", 4);
    case 'f':
        return take_word(c, "false", 5);
    case 'n':
        return take_word(c, "null", 4);
    case '{':
    case '[': {
        int named = *c->at++ == '{';
        uint8_t close = named ? '}' : ']';
        skip_space(c);
        if (take(c, close))
            return 1;
        do {
            skip_space(c);
            if (named) {
                if (!take_text(c, &start, &size))
                    return 0;
                skip_space(c);
                if (!take(c, ':'))
                    return 0;
                skip_space(c);
            }
            if (!skip_value(c, depth + 1))
                return 0;
            skip_space(c);
        } while (take(c, ','));
        return take(c, close);
    }
    default:
        return take_number(c, &ignored);
    }
}

/* Read a value as a column's type; 0 where ksqlDB would convert it, or refuse it. */
static int take_value(cursor *c, int type, slot *s) {
    number n;
    if (c->at == c->end)
        return 0;
    s->is_null = *c->at == 'n';
    if (s->is_null)
        return take_word(c, "null", 4);
    switch (type) {
    case BOOLEAN:
        s->integer = *c->at == 't';
        return s->integer ? take_word(c, "true", 4) : take_word(c, "false", 5);
    case STRING:
        return take_text(c, &s->text, &s->size);
    case DOUBLE:
        if (!take_number(c, &n))
            return 0;
        s->number = n.value;
        return 1;
    default:
        if (!take_number(c, &n) || !n.is_integer)
            return 0;
        s->integer = n.integer;
        return type == BIGINT || (n.integer >= INT32_MIN && n.integer <= INT32_MAX);
    }
}

/* Tell whether a name fills a column: it is the column's, or that when upper-cased. */
static int fits(const uint8_t *name, size_t size, const field *f) {
    int same = 1, upper = 1;
    if ((int64_t)size != f->name_size)
        return 0;
    for (size_t i = 0; i < size && (same || upper); i++) {
        uint8_t byte = name[i], wanted = (uint8_t)f->name[i];
        same = same && byte == wanted;
        upper = upper && (byte >= 'a' && byte <= 'z' ? byte - 32 : byte) == wanted;
    }
    return same || upper;
}

/* Find the field that a name fills; -1 for none. Most documents have the same names at the same places. */
static int find(const uint8_t *name, size_t size, const field *fields, int count, guess *known) {
    if (known != NULL && known->name != NULL && known->size == size && memcmp(known->name, name, size) == 0)
        return known->field;
    int found = -1;
    for (int i = 0; i < count && found < 0; i++)
        if (fits(name, size, &fields[i]))
            found = i;
    if (known != NULL)
        *known = (guess){name, size, found};
    return found;
}

static int is_ascii(const uint8_t *text, size_t size) {
    for (size_t i = 0; i < size; i++)
        if (text[i] >= 0x80)
            return 0;
    return 1;
}

static int take_document(cursor *c, const field *fields, int count, slot *slots, guess *guesses) {
    int place = 0;
    if (take_word(c, "null", 4))
        return c->at == c->end;
    skip_space(c);
    if (!take(c, '{'))
        return 0;
    skip_space(c);
    if (!take(c, '}')) {
        do {
            const uint8_t *name;
            size_t size;
            skip_space(c);
            const uint8_t *before = c->scratch;
            if (!take_text(c, &name, &size) || c->scratch != before || !is_ascii(name, size))
                return 0;
            skip_space(c);
            if (!take(c, ':'))
                return 0;
            skip_space(c);
            int i = find(name, size, fields, count, place < GUESSES ? &guesses[place] : NULL);
            place++;
            if (i < 0) {
                if (!skip_value(c, 0))
                    return 0;
            } else if (slots[i].seen++ || !take_value(c, fields[i].type, &slots[i]))
                return 0;
            skip_space(c);
        } while (take(c, ','));
        if (!take(c, '}'))
            return 0;
    }
    skip_space(c);
    return c->at == c->end;
}

static int store(field *f, const slot *s, int64_t row) {
    int has = s->seen && !s->is_null;
    if (f->type == STRING)
        return strings_add(&f->texts, has ? (s->size ? s->text : (const uint8_t *)"") : NULL, s->size);
    if (!has)
        return 1;
    set_bit(f->valid, row, 1);
    if (f->type == BOOLEAN)
        set_bit(f->values, row, (int)s->integer);
    else if (f->type == INTEGER)
        ((int32_t *)f->values)[row] = (int32_t)s->integer;
    else if (f->type == BIGINT)
        ((int64_t *)f->values)[row] = s->integer;
    else
        ((double *)f->values)[row] = s->number;
    return 1;
}

/* Decode `rows` documents; a bit of `plain` (clear at the start) is set for each that was plain, or null. The values of
 * other rows are null. Returns how many were not plain, or -1 when memory ran out.
 */
int64_t streamnb_decode_json(const column *documents, int64_t rows, field *fields, int count, uint8_t *plain) {
    slot *slots = calloc((size_t)count + 1, sizeof(slot));
    guess guesses[GUESSES] = {{NULL, 0, -1}};
    uint8_t *scratch = NULL;
    int64_t room = 0, doubtful = slots == NULL ? -1 : 0;
    for (int64_t row = 0; doubtful >= 0 && row < rows; row++) {
        size_t size;
        const uint8_t *bytes = bytes_of(documents, row, &size);
        if (!grow((void **)&scratch, &room, (int64_t)size + 1, 1)) {
            doubtful = -1;
            break;
        }
        cursor c = {bytes, bytes == NULL ? NULL : bytes + size, scratch};
        memset(slots, 0, (size_t)count * sizeof(slot));
        if (bytes == NULL || take_document(&c, fields, count, slots, guesses))
            set_bit(plain, row, 1);
        else {
            memset(slots, 0, (size_t)count * sizeof(slot));
            doubtful++;
        }
        for (int i = 0; doubtful >= 0 && i < count; i++)
            if (!store(&fields[i], &slots[i], row))
                doubtful = -1;
    }
    free(slots);
    free(scratch);
    return doubtful;
}

void streamnb_free_strings(strings *s) {
    strings_free(s);
}
