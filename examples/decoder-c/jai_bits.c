/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors, spec 5.4. */

#include "jai_internal.h"

#define MAX_UE_PREFIX 31
#define MAX_VARINT_BYTES 4

size_t jai_byte_offset(const jai_bits *bits) { return bits->bytes.offset + bits->position / 8; }

static uint32_t read_bit(jai_bits *bits)
{
    if (bits->position >= bits->bytes.size * 8)
        jai_fail(bits->ctx, JAI_BAD_STREAM, "BIT-001", jai_byte_offset(bits),
                 "the segment ends inside an element");
    uint32_t byte = bits->bytes.data[bits->position / 8];
    return byte >> (7 - bits->position++ % 8) & 1;
}

uint32_t jai_u(jai_bits *bits, int n)
{
    uint32_t value = 0;
    while (n-- > 0)
        value = value << 1 | read_bit(bits);
    return value;
}

uint32_t jai_ue(jai_bits *bits)
{
    int prefix = 0;
    while (read_bit(bits) == 0)
        if (++prefix > MAX_UE_PREFIX)
            jai_fail(bits->ctx, JAI_BAD_STREAM, "BIT-002", jai_byte_offset(bits), "prefix of a ue(v) too long");
    return ((uint32_t)1 << prefix) - 1 + jai_u(bits, prefix);
}

void jai_byte_alignment(jai_bits *bits)
{
    while (bits->position % 8 != 0)
        if (read_bit(bits))
            jai_fail(bits->ctx, JAI_BAD_STREAM, "BIT-005", jai_byte_offset(bits), "alignment bits are not 0");
}

jai_bytes jai_rest(jai_bits *bits)
{
    size_t start = bits->position / 8;
    jai_bytes rest = {bits->bytes.data + start, bits->bytes.size - start, bits->bytes.offset + start};
    bits->position = bits->bytes.size * 8;
    return rest;
}

jai_varint_result jai_varint(jai_bytes *bytes, uint32_t *value)
{
    *value = 0;
    for (int i = 0; i < MAX_VARINT_BYTES; i++) {
        if (bytes->size == 0)
            return JAI_VARINT_SHORT;
        uint8_t byte = *bytes->data++;
        bytes->size--;
        bytes->offset++;
        if (i == 0 && byte == 0x80)
            return JAI_VARINT_PADDED;
        *value = *value << 7 | (byte & 0x7f);
        if (byte < 0x80)
            return JAI_VARINT_OK;
    }
    return JAI_VARINT_LONG;
}
