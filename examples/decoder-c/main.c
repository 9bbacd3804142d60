/* SPDX-License-Identifier: Apache-2.0 */
/* jaidec: the decoder as a program. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jai.h"

static const char USAGE[] =
    "usage: jaidec stream.jai [-o out.ppm|out.pgm|out.raw] [--synthesis simple|base]\n"
    "              [--alpha out.pgm] [--latents out.bin] [--verify] [--max-samples N]\n"
    "Exit status: 0 decoded, 2 wrong usage, 3 bad stream, 4 unsupported, 5 digest differs, 6 file or model.\n";

enum { EXIT_USAGE = 2, EXIT_FILE = 6 };

typedef struct {
    const char *stream, *output, *alpha, *latents;
    jai_options options;
} arguments;

static int is_raw(const char *path)
{
    size_t length = strlen(path);
    return length > 4 && strcmp(path + length - 4, ".raw") == 0;
}

static int parse_arguments(int argc, char **argv, arguments *a)
{
    memset(a, 0, sizeof *a);
    a->options.synthesis = JAI_STREAM_DEFAULT;
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i], *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (word[0] != '-' && !a->stream) {
            a->stream = word;
            continue;
        }
        if (strcmp(word, "--verify") == 0) {
            a->options.verify = 1;
            continue;
        }
        if (!value)
            return 0;
        i++;
        if (strcmp(word, "-o") == 0)
            a->output = value;
        else if (strcmp(word, "--alpha") == 0)
            a->alpha = value;
        else if (strcmp(word, "--latents") == 0)
            a->latents = value;
        else if (strcmp(word, "--max-samples") == 0)
            a->options.max_samples = strtoull(value, NULL, 10);
        else if (strcmp(word, "--synthesis") == 0 && strcmp(value, "simple") == 0)
            a->options.synthesis = JAI_SIMPLE;
        else if (strcmp(word, "--synthesis") == 0 && strcmp(value, "base") == 0)
            a->options.synthesis = JAI_BASE;
        else
            return 0;
    }
    a->options.want_latents = a->latents != NULL;
    a->options.want_alpha = a->alpha || (a->output && is_raw(a->output));
    a->options.latents_only = (a->latents || a->alpha) && !a->output;
    return a->stream != NULL;
}

static uint8_t *read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = NULL, *larger;
    size_t capacity = 0;
    *size = 0;
    while (file) {
        if (*size == capacity) {
            capacity = capacity ? 2 * capacity : 1 << 16;
            if (!(larger = realloc(data, capacity)))
                break;
            data = larger;
        }
        size_t got = fread(data + *size, 1, capacity - *size, file);
        *size += got;
        if (got == 0 && !ferror(file)) {
            fclose(file);
            return data;
        }
        if (got == 0)
            break;
    }
    if (file)
        fclose(file);
    free(data);
    return NULL;
}

/* Writes numbers of one or two bytes, most significant byte first. */
static int put_numbers(FILE *file, const void *numbers, size_t count, int bytes)
{
    const uint16_t *values = numbers; /* int16_t has the same bits */
    uint8_t buffer[8192];
    size_t used = 0;
    for (size_t n = 0; n < count; n++) {
        if (bytes == 2)
            buffer[used++] = (uint8_t)(values[n] >> 8);
        buffer[used++] = (uint8_t)values[n];
        if (used == sizeof buffer || n + 1 == count) {
            if (fwrite(buffer, 1, used, file) != used)
                return 0;
            used = 0;
        }
    }
    return 1;
}

typedef struct { /* planes of equal size, of which the numbers at a position stand together in the file */
    const void *numbers;
    size_t area, planes;
    int bytes;
} group;

static int put_group(FILE *file, const group *g)
{
    const uint16_t *numbers = g->numbers;
    uint16_t row[3 * 1024];
    if (g->planes == 1)
        return put_numbers(file, numbers, g->area, g->bytes);
    for (size_t start = 0, used = 0; start < g->area; start++) {
        for (size_t c = 0; c < g->planes; c++)
            row[used++] = numbers[c * g->area + start];
        if (used + g->planes > sizeof row / sizeof *row || start + 1 == g->area) {
            if (!put_numbers(file, row, used, g->bytes))
                return 0;
            used = 0;
        }
    }
    return 1;
}

static int write_file(const char *path, const char *header, const group *groups, size_t count)
{
    FILE *file = fopen(path, "wb");
    int done = file && fputs(header, file) >= 0;
    for (size_t n = 0; n < count && done; n++)
        done = put_group(file, &groups[n]);
    done = file && fclose(file) == 0 && done;
    if (!done) {
        fprintf(stderr, "jaidec: %s cannot be written\n", path);
        if (file)
            remove(path);
    }
    return done ? 0 : EXIT_FILE;
}

static int bytes_of(int bit_depth) { return bit_depth == 8 ? 1 : 2; }

static int write_pnm(const char *path, const jai_picture *p, const uint16_t *samples, int components, int bit_depth)
{
    char header[64];
    group planes = {samples, (size_t)p->width * (size_t)p->height, (size_t)components, bytes_of(bit_depth)};
    snprintf(header, sizeof header, "P%d\n%d %d\n%d\n", components == 1 ? 5 : 6, p->width, p->height,
             (1 << bit_depth) - 1);
    return write_file(path, header, &planes, 1);
}

/* Plane after plane, alpha last. */
static int write_raw(const char *path, const jai_picture *p)
{
    size_t luma = (size_t)p->width * (size_t)p->height;
    size_t chroma = (size_t)p->chroma_width * (size_t)p->chroma_height;
    size_t samples = luma + (size_t)(p->components - 1) * chroma;
    group groups[] = {{p->samples, samples, 1, bytes_of(p->bit_depth)},
                      {p->alpha, luma, 1, bytes_of(p->alpha_bit_depth)}};
    return write_file(path, "", groups, p->alpha ? 2 : 1);
}

static int write_picture(const char *path, const jai_picture *p)
{
    if (is_raw(path))
        return write_raw(path, p);
    if (p->components == 3 && (p->chroma_width != p->width || p->chroma_height != p->height)) {
        fputs("jaidec: planes of different sizes need an output file .raw\n", stderr);
        return JAI_UNSUPPORTED;
    }
    return write_pnm(path, p, p->samples, p->components, p->bit_depth);
}

static int write_outputs(const arguments *a, const jai_picture *p)
{
    group latents = {p->latents, (size_t)p->latent_channels * (size_t)p->latent_height * (size_t)p->latent_width, 1, 2};
    int status = a->output ? write_picture(a->output, p) : 0;
    if (!status && a->alpha && p->alpha)
        status = write_pnm(a->alpha, p, p->alpha, 1, p->alpha_bit_depth);
    if (!status && a->latents)
        status = write_file(a->latents, "", &latents, 1);
    return status;
}

int main(int argc, char **argv)
{
    arguments a;
    jai_picture picture;
    jai_error error;
    size_t size = 0;
    if (!parse_arguments(argc, argv, &a)) {
        fputs(USAGE, stderr);
        return EXIT_USAGE;
    }
    uint8_t *data = read_file(a.stream, &size);
    if (!data) {
        fprintf(stderr, "jaidec: %s cannot be read\n", a.stream);
        return EXIT_FILE;
    }
    jai_codec *codec = jai_open();
    if (!codec) {
        fputs("jaidec: the model set cannot be opened\n", stderr);
        free(data);
        return JAI_BAD_MODEL;
    }
    int status = (int)jai_decode(codec, data, size, &a.options, &picture, &error);
    if (status)
        fprintf(stderr, "jaidec: %s%s%s (near byte %lu)\n", error.requirement, *error.requirement ? ": " : "",
                error.message, (unsigned long)error.offset);
    else
        status = write_outputs(&a, &picture);
    jai_free_picture(&picture);
    jai_close(codec);
    free(data);
    return status;
}
