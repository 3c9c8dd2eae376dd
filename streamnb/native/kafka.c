/* The two loops over single Kafka records that Python is too slow for: records from librdkafka's queue into Arrow
 * buffers, and Arrow buffers into librdkafka's producer.
 *
 * Everything else about Kafka is in Python, which also loads librdkafka and hands over the addresses of the functions
 * below: nothing is linked, and no header of librdkafka's is needed. The structs and prototypes declared here are parts
 * of its public, stable interface (rdkafka.h). Python calls these functions with its interpreter lock released.
 */

#include "columns.h"

#include <sys/types.h>

enum { CALL_MESSAGES = 1000, REASON_BYTES = 256, NO_ERROR = 0 };
enum { V_END = 0, V_RKT = 2, V_PARTITION = 3, V_VALUE = 4, V_KEY = 5, V_MSGFLAGS = 7, V_TIMESTAMP = 8, V_HEADERS = 10 };
enum { MSG_F_COPY = 2 };
static const int64_t COLUMN_BYTES_MAX = (int64_t)1 << 30; /* Arrow's offsets have 32 bits */

typedef struct {
    int err;
    void *topic;
    int32_t partition;
    void *payload;
    size_t len;
    void *key;
    size_t key_len;
    int64_t offset;
    void *private_;
} message;

typedef struct { /* addresses, in the order of librdkafka.FUNCTIONS in Python */
    ssize_t (*consume_batch_queue)(void *queue, int timeout_ms, message **messages, size_t size);
    int64_t (*message_timestamp)(const message *message, int *type);
    int (*message_headers)(const message *message, void **headers);
    int (*header_get_all)(const void *headers, size_t index, const char **name, const void **value, size_t *size);
    void (*message_destroy)(message *message);
    const char *(*message_errstr)(const message *message);
    int (*producev)(void *client, ...);
    void *(*headers_new)(size_t count);
    int (*header_add)(void *headers, const char *name, ssize_t name_size, const void *value, ssize_t value_size);
    void (*headers_destroy)(void *headers);
} api;

typedef struct { /* mirrored in Python */
    int64_t rows, events, headers, size_bytes;
    void **topic;
    int32_t *partition;
    int64_t *offset, *timestamp;
    strings key, value;
    /* Arrow's layout of a list column: where each row's headers begin; written from the first header on */
    uint8_t *has_headers;
    int32_t *header_offsets;
    strings header_name, header_value;
    /* what is no record: ends of partitions, errors */
    void **event_topic;
    int32_t *event_partition, *event_error;
    int64_t *event_offset;
    char (*event_reason)[REASON_BYTES];
} batch;

void streamnb_free(batch *b) {
    if (b == NULL)
        return;
    free(b->topic);
    free(b->partition);
    free(b->offset);
    free(b->timestamp);
    strings_free(&b->key);
    strings_free(&b->value);
    free(b->has_headers);
    free(b->header_offsets);
    strings_free(&b->header_name);
    strings_free(&b->header_value);
    free(b->event_topic);
    free(b->event_partition);
    free(b->event_error);
    free(b->event_offset);
    free(b->event_reason);
    free(b);
}

static batch *batch_new(int64_t rows) {
    batch *b = calloc(1, sizeof(batch));
    if (b == NULL)
        return NULL;
    size_t n = (size_t)rows + CALL_MESSAGES;
    b->topic = malloc(n * sizeof(void *));
    b->partition = malloc(n * sizeof(int32_t));
    b->offset = malloc(n * sizeof(int64_t));
    b->timestamp = malloc(n * sizeof(int64_t));
    b->event_topic = malloc(CALL_MESSAGES * sizeof(void *));
    b->event_partition = malloc(CALL_MESSAGES * sizeof(int32_t));
    b->event_error = malloc(CALL_MESSAGES * sizeof(int32_t));
    b->event_offset = malloc(CALL_MESSAGES * sizeof(int64_t));
    b->event_reason = malloc(CALL_MESSAGES * REASON_BYTES);
    if (b->topic && b->partition && b->offset && b->timestamp && b->event_topic && b->event_partition &&
        b->event_error && b->event_offset && b->event_reason && strings_reserve(&b->key, (int64_t)n) &&
        strings_reserve(&b->value, (int64_t)n))
        return b;
    streamnb_free(b);
    return NULL;
}

/* Take down the headers of the record that becomes row `rows`; rows before the first one with headers have none. */
static int add_headers(const api *kafka, batch *b, const message *m, int64_t rows_room) {
    void *headers = NULL;
    const char *name;
    const void *value;
    size_t size, index;
    int found = kafka->message_headers(m, &headers) == NO_ERROR && headers != NULL;
    if (found && b->header_offsets == NULL) {
        b->has_headers = calloc((size_t)rows_room / 8 + 1, 1);
        b->header_offsets = calloc((size_t)rows_room + 1, sizeof(int32_t));
        if (b->has_headers == NULL || b->header_offsets == NULL)
            return 0;
    }
    if (b->header_offsets == NULL)
        return 1;
    for (index = 0; found && kafka->header_get_all(headers, index, &name, &value, &size) == NO_ERROR; index++) {
        if (!strings_add(&b->header_name, name, strlen(name)) || !strings_add(&b->header_value, value, size))
            return 0;
    }
    b->headers += (int64_t)index;
    set_bit(b->has_headers, b->rows, index > 0);
    b->header_offsets[b->rows + 1] = (int32_t)b->headers;
    return 1;
}

static int add_record(const api *kafka, batch *b, const message *m, int64_t rows_room) {
    int type;
    if (!strings_add(&b->key, m->key, m->key_len) || !strings_add(&b->value, m->payload, m->len) ||
        !add_headers(kafka, b, m, rows_room))
        return 0;
    b->topic[b->rows] = m->topic;
    b->partition[b->rows] = m->partition;
    b->offset[b->rows] = m->offset;
    b->timestamp[b->rows] = kafka->message_timestamp(m, &type);
    b->rows++;
    return 1;
}

static void add_event(const api *kafka, batch *b, const message *m) {
    const char *reason = kafka->message_errstr(m);
    b->event_topic[b->events] = m->topic;
    b->event_partition[b->events] = m->partition;
    b->event_error[b->events] = m->err;
    b->event_offset[b->events] = m->offset;
    strncpy(b->event_reason[b->events], reason == NULL ? "" : reason, REASON_BYTES - 1);
    b->event_reason[b->events++][REASON_BYTES - 1] = '\0';
}

/* Move what has arrived into a new batch, until it has `rows_max` rows or `bytes_max` bytes, there is no more, or an
 * event came. Waits up to `wait_ms` for the first message only. NULL when memory ran out: what was taken from the queue
 * by then is lost, so the caller must not go on. A call may exceed `rows_max` by what one call of librdkafka gives.
 */
batch *streamnb_fetch(const api *kafka, void *queue, int64_t rows_max, int64_t bytes_max, int wait_ms) {
    message *messages[CALL_MESSAGES];
    batch *b = batch_new(rows_max);
    int ok = b != NULL;
    int64_t rows_room = rows_max + CALL_MESSAGES;
    if (bytes_max > COLUMN_BYTES_MAX)
        bytes_max = COLUMN_BYTES_MAX;
    while (ok && b->rows < rows_max && b->events == 0 && b->size_bytes < bytes_max) {
        ssize_t count = kafka->consume_batch_queue(queue, 0, messages, CALL_MESSAGES);
        if (count <= 0 && b->rows == 0 && wait_ms > 0) {
            count = kafka->consume_batch_queue(queue, wait_ms, messages, 1);
            wait_ms = 0;
        }
        if (count <= 0)
            break;
        for (ssize_t i = 0; i < count; i++) {
            message *m = messages[i];
            if (ok && m->err == NO_ERROR) {
                ok = add_record(kafka, b, m, rows_room);
                b->size_bytes += (int64_t)(m->len + m->key_len);
            } else if (ok) {
                add_event(kafka, b, m);
            }
            kafka->message_destroy(m);
        }
    }
    if (ok)
        return b;
    streamnb_free(b);
    return NULL;
}

typedef struct { /* mirrored in Python */
    void *const *topics;      /* topic handles */
    const int32_t *topic;     /* which of them each row goes to */
    const int32_t *partition; /* -1 where librdkafka is to choose */
    const int64_t *timestamp;
    column key, value;
    column headers; /* a list column: its data are the two columns below */
    column header_name, header_value;
} rows;

static void *headers_of(const api *kafka, const rows *r, int64_t row) {
    if (r->headers.offsets == NULL || !is_valid(&r->headers, row))
        return NULL;
    const int32_t *ends = r->headers.offsets + r->headers.shift + row;
    void *headers = kafka->headers_new((size_t)(ends[1] - ends[0]));
    for (int32_t i = ends[0]; headers != NULL && i < ends[1]; i++) {
        size_t name_size, value_size;
        const void *name = bytes_of(&r->header_name, i, &name_size);
        const void *value = bytes_of(&r->header_value, i, &value_size);
        kafka->header_add(headers, name == NULL ? "" : name, (ssize_t)name_size, value, (ssize_t)value_size);
    }
    return headers;
}

/* Hand rows from `row` on to the producer, up to `end`. Returns the row that it did not take, with the reason in `err`;
 * `end` when it took all.
 */
int64_t streamnb_produce(const api *kafka, void *client, const rows *r, int64_t row, int64_t end, int *err) {
    *err = NO_ERROR;
    for (; row < end; row++) {
        size_t key_size, value_size;
        const void *key = bytes_of(&r->key, row, &key_size), *value = bytes_of(&r->value, row, &value_size);
        void *topic = r->topics[r->topic[row]], *headers = headers_of(kafka, r, row);
        if (headers == NULL)
            *err = kafka->producev(client, V_RKT, topic, V_PARTITION, (int)r->partition[row], V_VALUE, value, value_size,
                                   V_KEY, key, key_size, V_MSGFLAGS, (int)MSG_F_COPY, V_TIMESTAMP, r->timestamp[row],
                                   V_END);
        else
            *err = kafka->producev(client, V_RKT, topic, V_PARTITION, (int)r->partition[row], V_VALUE, value, value_size,
                                   V_KEY, key, key_size, V_MSGFLAGS, (int)MSG_F_COPY, V_TIMESTAMP, r->timestamp[row],
                                   V_HEADERS, headers, V_END);
        if (*err == NO_ERROR)
            continue;
        if (headers != NULL)
            kafka->headers_destroy(headers); /* else the message owns them */
        break;
    }
    return row;
}
