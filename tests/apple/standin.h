/* What the two stand-ins share: objects with counts of references, and what tests set and inspect.
 *
 * Nothing is freed before `standin_reset`, so that a reference used after its release is seen and
 * does no harm. Each function checks that what it is given is alive and of the right kind; what is
 * wrong goes into `standin_misuse`.
 */
#ifndef STANDIN_H
#define STANDIN_H

#include <stdbool.h>
#include <stdint.h>

typedef enum {
    DATA = 1,
    STRING,
    DATE,
    NUMBER,
    ARRAY,
    DICTIONARY,
    ERROR,
    CERTIFICATE,
    POLICY,
    TRUST,
} kind;

typedef struct object object;

struct object {
    uint64_t magic;
    kind kind;
    /* References that are not released yet; negative for a constant. */
    long references;
    /* Of data, strings and certificates. */
    uint8_t *bytes;
    long length;
    /* Of dates. */
    double time;
    /* Of numbers, errors and policies: a value, a code, revocation flags. */
    long long number;
    /* Of policies. */
    bool ssl, server;
    /* What it holds a reference to each; can be NULL in arrays, and where a test says so.
     * Policy: name. Error: domain, description, user info. Dictionary: keys and values in turn.
     * Trust: see `part`. */
    object **items;
    long count;
    /* Of trust objects. */
    bool network, only, evaluated;
    object *next;
};

/* The items of a trust object. */
enum part { CERTIFICATES, POLICIES, VERIFY_DATE, ANCHORS, VERDICT, CHAIN, RESPONSES, PARTS };

void standin_lock(void);
void standin_unlock(void);

/* With the lock held: */

object *standin_new(kind kind);
object *standin_bytes(kind kind, const void *bytes, long length);
/* Adds an item, which can be NULL, and takes over the caller's reference to it. */
void standin_add(object *to, object *item);
object *standin_retain(object *object);
void standin_release(object *object, const char *by);
/* Whether it is alive and of this kind; if not, that is a misuse. */
bool standin_is(object *object, kind kind, const char *by);
void standin_complain(const char *what, const char *by);
/* To be called first by each function: writes the call down. Whether it has to fail, as a test has
 * set, and with which status. */
bool standin_fails(const char *name, int *status);

#endif
