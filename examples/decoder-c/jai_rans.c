/* SPDX-License-Identifier: Apache-2.0 */
/* Entropy-coded sub-streams, spec 8.2. */

#include <stdlib.h>

#include "jai_internal.h"

#define STATE_LOW 65536u
#define PRECISION_BITS 12
#define WORD_BITS 16
#define MAX_ESCAPE_PREFIX 15

/* 8.2.7. Returns 0 when the frequencies are no table or memory is short. */
static int init_table(jai_table *table, int bound, const uint16_t *frequency)
{
    int symbols = 2 * bound + 2, sum = 0;
    table->bound = bound;
    table->frequency = frequency;
    table->cumulative = malloc((size_t)symbols * sizeof *table->cumulative);
    table->symbol = malloc(JAI_TOTAL * sizeof *table->symbol);
    if (!table->cumulative || !table->symbol)
        return 0;
    for (int s = 0; s < symbols; s++) {
        table->cumulative[s] = (uint16_t)sum;
        if (frequency[s] < 1 || sum + frequency[s] > JAI_TOTAL)
            return 0;
        for (int slot = sum; slot < sum + frequency[s]; slot++)
            table->symbol[slot] = (uint16_t)s;
        sum += frequency[s];
    }
    return sum == JAI_TOTAL;
}

jai_table *jai_tables_new(const jai_table_data *data)
{
    jai_table *tables = calloc((size_t)data->count, sizeof *tables);
    for (int i = 0; tables && i < data->count; i++)
        if (!init_table(&tables[i], data->bounds[i], data->frequencies[i])) {
            jai_tables_free(tables, data);
            tables = NULL;
        }
    return tables;
}

void jai_tables_free(jai_table *tables, const jai_table_data *data)
{
    for (int i = 0; tables && i < data->count; i++) {
        free(tables[i].cumulative);
        free(tables[i].symbol);
    }
    free(tables);
}

static void fail(const jai_substream *s, const char *requirement, const char *message)
{
    jai_fail(s->ctx, JAI_BAD_STREAM, requirement, s->offset, message);
}

static uint32_t big_endian(const uint8_t *bytes, int n)
{
    uint32_t value = 0;
    while (n-- > 0)
        value = value << 8 | *bytes++;
    return value;
}

/* 8.2.2 */
void jai_substream_open(jai_ctx *ctx, jai_substream *s, jai_bytes payload, int lanes, const jai_table *tables)
{
    uint32_t num_words;
    s->ctx = ctx;
    s->tables = tables;
    s->offset = payload.offset;
    s->lanes = lanes;
    s->empty = payload.size == 0;
    s->used = 0;
    s->word_pos = s->escape_pos = s->num_words = s->escape_bits = 0;
    if (s->empty)
        return;
    jai_varint_result result = jai_varint(&payload, &num_words);
    if (result == JAI_VARINT_SHORT)
        fail(s, "ENT-003", "the sub-stream ends inside num_words");
    if (result != JAI_VARINT_OK)
        fail(s, "ENT-002", "num_words is not a varint");
    uint64_t needed = 4 * (uint64_t)lanes + 2 * (uint64_t)num_words;
    if (payload.size < needed)
        fail(s, "ENT-003", "the sub-stream is shorter than num_words says");
    for (int i = 0; i < lanes; i++) {
        s->x[i] = big_endian(payload.data + 4 * i, 4);
        if (s->x[i] < STATE_LOW)
            fail(s, "ENT-005", "the initial state of a lane is too small");
    }
    s->words = payload.data + 4 * (size_t)lanes;
    s->num_words = num_words;
    s->escapes = s->words + 2 * (size_t)num_words;
    s->escape_bits = 8 * (uint32_t)(payload.size - needed);
}

static int escape_bit(jai_substream *s)
{
    if (s->escape_pos >= s->escape_bits)
        fail(s, "ENT-010", "the escape bits end early");
    uint32_t position = s->escape_pos++;
    return s->escapes[position / 8] >> (7 - position % 8) & 1;
}

/* 8.2.5 */
static int32_t escaped_value(jai_substream *s, int bound)
{
    int sign = escape_bit(s), prefix = 0;
    int32_t bits = 0;
    while (!escape_bit(s))
        if (++prefix > MAX_ESCAPE_PREFIX)
            fail(s, "ENT-011", "prefix of an escape too long");
    for (int i = 0; i < prefix; i++)
        bits = bits << 1 | escape_bit(s);
    int32_t magnitude = bound + 1 + (1 << prefix) - 1 + bits;
    return sign ? -magnitude : magnitude;
}

/* 8.2.3 with 8.2.4 */
void jai_substream_call(jai_substream *s, const uint8_t *table_idx, size_t count, int32_t *value)
{
    if (count == 0)
        return;
    if (s->empty)
        fail(s, "ENT-006", "an empty sub-stream codes symbols");
    s->used = 1;
    int lane = 0;
    for (size_t j = 0; j < count; j++) {
        const jai_table *table = &s->tables[table_idx[j]];
        uint32_t x = s->x[lane], slot = x & (JAI_TOTAL - 1);
        int symbol = table->symbol[slot];
        x = table->frequency[symbol] * (x >> PRECISION_BITS) + slot - table->cumulative[symbol];
        if (x < STATE_LOW) {
            if (s->word_pos >= s->num_words)
                fail(s, "ENT-008", "the words end early");
            x = x << WORD_BITS | big_endian(s->words + 2 * (size_t)s->word_pos++, 2);
        }
        s->x[lane] = x;
        if (++lane == s->lanes)
            lane = 0;
        value[j] = symbol <= 2 * table->bound ? symbol - table->bound : escaped_value(s, table->bound);
    }
}

/* 8.2.6 */
void jai_substream_finish(jai_substream *s)
{
    if (s->empty)
        return;
    if (!s->used)
        fail(s, "ENT-007", "a sub-stream without symbols is not empty");
    if (s->word_pos != s->num_words)
        fail(s, "ENT-008", "words are left over");
    for (int i = 0; i < s->lanes; i++)
        if (s->x[i] != STATE_LOW)
            fail(s, "ENT-009", "the final state of a lane is not the start of its encoder");
    if (s->escape_bits - s->escape_pos >= 8)
        fail(s, "ENT-012", "escape bytes are left over");
    while (s->escape_pos < s->escape_bits)
        if (escape_bit(s))
            fail(s, "ENT-013", "the unread escape bits are not 0");
}
