/* SPDX-License-Identifier: Apache-2.0 */
/* The memory of one decoding, released as a whole when it ends or fails. */

#include <stdlib.h>
#include <string.h>

#include "jai_internal.h"

struct jai_block {
    jai_block *next, **link; /* link points at the pointer to this block */
    size_t size;
    double align; /* what follows a block is aligned for any value */
};

void *jai_alloc(jai_ctx *ctx, size_t count, size_t size)
{
    jai_block *block = NULL;
    if (size == 0 || count <= (SIZE_MAX - sizeof *block) / size)
        block = malloc(sizeof *block + count * size);
    if (!block)
        jai_fail(ctx, JAI_NO_MEMORY, "", 0, "not enough memory");
    block->size = count * size;
    block->next = ctx->blocks;
    block->link = &ctx->blocks;
    if (block->next)
        block->next->link = &block->next;
    ctx->blocks = block;
    return block + 1;
}

void *jai_zalloc(jai_ctx *ctx, size_t count, size_t size)
{
    void *memory = jai_alloc(ctx, count, size);
    return memset(memory, 0, count * size);
}

void *jai_keep(jai_ctx *ctx, void *memory)
{
    jai_block *block = (jai_block *)memory - 1;
    (void)ctx;
    *block->link = block->next;
    if (block->next)
        block->next->link = block->link;
    return memory;
}

void jai_free_kept(void *memory)
{
    if (memory)
        free((jai_block *)memory - 1);
}

void jai_release(jai_ctx *ctx, void *memory)
{
    if (memory)
        jai_free_kept(jai_keep(ctx, memory));
}

void jai_release_all(jai_ctx *ctx)
{
    while (ctx->blocks)
        jai_release(ctx, ctx->blocks + 1);
}

void jai_fail(jai_ctx *ctx, jai_status status, const char *requirement, size_t offset, const char *message)
{
    jai_error *error = ctx->error;
    error->status = status;
    error->offset = offset;
    strncpy(error->requirement, requirement, sizeof error->requirement - 1);
    error->requirement[sizeof error->requirement - 1] = 0;
    strncpy(error->message, message, sizeof error->message - 1);
    error->message[sizeof error->message - 1] = 0;
    longjmp(ctx->failed, 1);
}
