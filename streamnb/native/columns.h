/* Arrow's columns in C: growable ones that are written, and views of ones that are read. */

#ifndef STREAMNB_COLUMNS_H
#define STREAMNB_COLUMNS_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* A column of byte strings that is written: a bit per row, row + 1 offsets, the bytes. Mirrored in Python. */
typedef struct {
    uint8_t *valid;
    int32_t *offsets;
    uint8_t *data;
    int64_t count, rows_room, bytes_room, nulls;
} strings;

/* A column of byte strings that is read; `valid` may be NULL, `shift` is the place of its first row. Mirrored too. */
typedef struct {
    const uint8_t *valid;
    const int32_t *offsets;
    const uint8_t *data;
    int64_t shift;
} column;

static inline void set_bit(uint8_t *bits, int64_t at, int on) {
    uint8_t bit = (uint8_t)(1u << (at & 7));
    bits[at >> 3] = on ? bits[at >> 3] | bit : bits[at >> 3] & (uint8_t)~bit;
}

static inline int is_valid(const column *c, int64_t row) {
    row += c->shift;
    return c->valid == NULL || (c->valid[row >> 3] >> (row & 7) & 1);
}

/* Make room for `wanted` items; 0 when memory is out. */
static inline int grow(void **memory, int64_t *room, int64_t wanted, size_t item) {
    if (wanted <= *room && *memory != NULL)
        return 1;
    int64_t larger = *room > wanted / 2 ? *room * 2 : wanted;
    void *moved = realloc(*memory, (size_t)larger * item);
    if (moved == NULL)
        return 0;
    *memory = moved;
    *room = larger;
    return 1;
}

static inline int strings_reserve(strings *s, int64_t rows) {
    if (rows <= s->rows_room && s->valid != NULL)
        return 1;
    if (rows < 2 * s->rows_room)
        rows = 2 * s->rows_room;
    int64_t bits = 0, ends = 0;
    if (!grow((void **)&s->valid, &bits, rows / 8 + 1, 1) ||
        !grow((void **)&s->offsets, &ends, rows + 1, sizeof(int32_t)))
        return 0;
    if (s->count == 0)
        s->offsets[0] = 0;
    s->rows_room = rows;
    return 1;
}

/* Append a string, or a null where `bytes` is NULL; 0 when memory, or what 32 bits can count, is out. */
static inline int strings_add(strings *s, const void *bytes, size_t size) {
    if (!strings_reserve(s, s->count + 1))
        return 0;
    int64_t end = s->offsets[s->count];
    if (bytes == NULL)
        size = 0;
    if (size > (size_t)(INT32_MAX - end) || !grow((void **)&s->data, &s->bytes_room, end + (int64_t)size + 1, 1))
        return 0;
    if (size)
        memcpy(s->data + end, bytes, size);
    set_bit(s->valid, s->count, bytes != NULL);
    s->nulls += bytes == NULL;
    s->offsets[++s->count] = (int32_t)(end + (int64_t)size);
    return 1;
}

static inline void strings_free(strings *s) {
    free(s->valid);
    free(s->offsets);
    free(s->data);
}

/* Find a row's bytes; NULL for a null only, also where an empty string has no address. */
static inline const void *bytes_of(const column *c, int64_t row, size_t *size) {
    static const char empty[1] = "";
    *size = 0;
    if (!is_valid(c, row))
        return NULL;
    const int32_t *ends = c->offsets + c->shift + row;
    *size = (size_t)(ends[1] - ends[0]);
    return *size ? (const void *)(c->data + ends[0]) : empty;
}

#endif
