/* A stand-in for the functions of Core Foundation that trustbridge calls. See standin.h. */

#include "standin.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC 0x7472757374627264u

typedef struct {
    char name[64];
    long calls;
    /* Which call fails: 0 for none, counted from 1, negative for all. */
    long fails;
    int status;
} function;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static object *objects;
static function functions[128];
static char misuse[4096];
static char log_text[1 << 20];

/* Constants of Core Foundation. */
static uint8_t underlying_error[] = "NSUnderlyingError";
static object underlying_error_key = {
    .magic = MAGIC,
    .kind = STRING,
    .references = -1,
    .bytes = underlying_error,
    .length = sizeof underlying_error - 1,
};
const void *kCFErrorUnderlyingErrorKey = &underlying_error_key;
const char kCFTypeArrayCallBacks[40] = "retains";

void standin_lock(void) { pthread_mutex_lock(&mutex); }

void standin_unlock(void) { pthread_mutex_unlock(&mutex); }

static void *allocate(size_t size) {
    void *place = calloc(1, size ? size : 1);
    if (!place)
        abort();
    return place;
}

object *standin_new(kind kind) {
    object *made = allocate(sizeof *made);
    made->magic = MAGIC;
    made->kind = kind;
    made->references = 1;
    made->next = objects;
    objects = made;
    return made;
}

object *standin_bytes(kind kind, const void *bytes, long length) {
    object *made = standin_new(kind);
    made->bytes = allocate(length);
    made->length = length;
    if (length)
        memcpy(made->bytes, bytes, length);
    return made;
}

void standin_add(object *to, object *item) {
    to->items = realloc(to->items, (to->count + 1) * sizeof *to->items);
    if (!to->items)
        abort();
    to->items[to->count++] = item;
}

void standin_complain(const char *what, const char *by) {
    size_t used = strlen(misuse);
    snprintf(misuse + used, sizeof misuse - used, "%s: %s\n", by, what);
}

static bool alive(object *object, const char *by) {
    if (!object) {
        standin_complain("a reference is NULL", by);
        return false;
    }
    if (object->magic != MAGIC)
        standin_complain("no object", by);
    else if (object->references == 0)
        standin_complain("the object has been released", by);
    else
        return true;
    return false;
}

bool standin_is(object *object, kind kind, const char *by) {
    if (!alive(object, by))
        return false;
    if (object->kind != kind)
        standin_complain("an object of another kind", by);
    return object->kind == kind;
}

object *standin_retain(object *object) {
    if (object && alive(object, "CFRetain") && object->references > 0)
        object->references++;
    return object;
}

void standin_release(object *object, const char *by) {
    if (!alive(object, by))
        return;
    if (object->references < 0) {
        standin_complain("a constant is not the caller's to release", by);
        return;
    }
    if (--object->references)
        return;
    for (long place = 0; place < object->count; place++)
        if (object->items[place] && object->items[place]->references >= 0)
            standin_release(object->items[place], by);
}

static function *find(const char *name) {
    for (size_t place = 0; place < sizeof functions / sizeof *functions; place++) {
        if (!*functions[place].name)
            snprintf(functions[place].name, sizeof functions[place].name, "%s", name);
        if (!strcmp(functions[place].name, name))
            return &functions[place];
    }
    abort();
}

bool standin_fails(const char *name, int *status) {
    function *called = find(name);
    size_t used = strlen(log_text), length = strlen(name);
    if (used + length + 2 < sizeof log_text)
        sprintf(log_text + used, "%s\n", name);
    called->calls++;
    bool fails = called->fails < 0 || called->calls == called->fails;
    if (fails && status)
        *status = called->status;
    return fails;
}

/* For tests ------------------------------------------------------------------------------------ */

/* Forgets everything. No other thread may be in a function. */
void standin_reset(void) {
    while (objects) {
        object *next = objects->next;
        free(objects->bytes);
        free(objects->items);
        free(objects);
        objects = next;
    }
    memset(functions, 0, sizeof functions);
    *misuse = *log_text = 0;
}

/* The n-th call from now on of a function fails; all of them if n is negative. */
void standin_fail(const char *name, long n, int status) {
    standin_lock();
    function *function = find(name);
    function->fails = n < 0 ? n : function->calls + n;
    function->status = status;
    standin_unlock();
}

/* How many objects there are that nobody has released. */
long standin_leaks(void) {
    long count = 0;
    standin_lock();
    for (object *one = objects; one; one = one->next)
        count += one->references > 0;
    standin_unlock();
    return count;
}

/* What was done that the real functions do not bear, a line each. */
const char *standin_misuse(void) { return misuse; }

/* The names of the functions that were called, a line each. */
const char *standin_log(void) { return log_text; }

/* Objects that the answers of the system consist of. Their references go to whom they are given. */

object *standin_string(const char *text) {
    standin_lock();
    object *made = text ? standin_bytes(STRING, text, strlen(text)) : NULL;
    standin_unlock();
    return made;
}

/* An error; its parts can be NULL. `underlying` is what its user info has for that key. */
object *standin_error(object *domain, long long code, object *description, object *underlying) {
    standin_lock();
    object *info = standin_new(DICTIONARY);
    if (underlying) {
        standin_add(info, &underlying_error_key);
        standin_add(info, underlying);
    }
    object *made = standin_new(ERROR);
    made->number = code;
    standin_add(made, domain);
    standin_add(made, description);
    standin_add(made, info);
    standin_unlock();
    return made;
}

/* Core Foundation ------------------------------------------------------------------------------ */

#define ENTER(failed)                            \
    standin_lock();                              \
    if (standin_fails(__func__, NULL)) {         \
        standin_unlock();                        \
        return failed;                           \
    }

void CFRelease(object *reference) {
    ENTER()
    standin_release(reference, __func__);
    standin_unlock();
}

unsigned long CFGetTypeID(object *reference) {
    ENTER(0)
    unsigned long type = alive(reference, __func__) ? reference->kind : 0;
    standin_unlock();
    return type;
}

unsigned long CFErrorGetTypeID(void) {
    ENTER(0)
    standin_unlock();
    return ERROR;
}

unsigned long CFStringGetTypeID(void) {
    ENTER(0)
    standin_unlock();
    return STRING;
}

unsigned long CFNumberGetTypeID(void) {
    ENTER(0)
    standin_unlock();
    return NUMBER;
}

object *CFDataCreate(void *allocator, const uint8_t *bytes, long length) {
    ENTER(NULL)
    if (allocator || (!bytes && length) || length < 0)
        standin_complain("wrong arguments", __func__);
    object *made = standin_bytes(DATA, bytes, length);
    standin_unlock();
    return made;
}

long CFDataGetLength(object *data) {
    ENTER(0)
    long length = standin_is(data, DATA, __func__) ? data->length : 0;
    standin_unlock();
    return length;
}

const uint8_t *CFDataGetBytePtr(object *data) {
    ENTER(NULL)
    const uint8_t *bytes = standin_is(data, DATA, __func__) ? data->bytes : NULL;
    standin_unlock();
    return bytes;
}

object *CFStringCreateWithBytes(
    void *allocator, const uint8_t *bytes, long length, uint32_t encoding, uint8_t external) {
    ENTER(NULL)
    if (allocator || encoding != 0x08000100 || external || length < 0)
        standin_complain("wrong arguments", __func__);
    object *made = standin_bytes(STRING, bytes, length);
    standin_unlock();
    return made;
}

object *CFStringCreateExternalRepresentation(
    void *allocator, object *string, uint32_t encoding, uint8_t loss) {
    ENTER(NULL)
    object *made = NULL;
    if (allocator || encoding != 0x08000100 || !loss)
        standin_complain("wrong arguments", __func__);
    if (standin_is(string, STRING, __func__))
        made = standin_bytes(DATA, string->bytes, string->length);
    standin_unlock();
    return made;
}

object *CFDateCreate(void *allocator, double time) {
    ENTER(NULL)
    if (allocator)
        standin_complain("wrong arguments", __func__);
    object *made = standin_new(DATE);
    made->time = time;
    standin_unlock();
    return made;
}

object *CFArrayCreate(void *allocator, object **values, long count, const void *callbacks) {
    ENTER(NULL)
    if (allocator || count < 0 || callbacks != &kCFTypeArrayCallBacks)
        standin_complain("wrong arguments", __func__);
    object *made = standin_new(ARRAY);
    for (long place = 0; place < count; place++)
        if (alive(values[place], __func__))
            standin_add(made, standin_retain(values[place]));
    standin_unlock();
    return made;
}

long CFArrayGetCount(object *array) {
    ENTER(0)
    long count = standin_is(array, ARRAY, __func__) ? array->count : 0;
    standin_unlock();
    return count;
}

object *CFArrayGetValueAtIndex(object *array, long place) {
    ENTER(NULL)
    object *found = NULL;
    if (standin_is(array, ARRAY, __func__)) {
        if (place < 0 || place >= array->count)
            standin_complain("there is no such place", __func__);
        else
            found = array->items[place];
    }
    standin_unlock();
    return found;
}

object *CFDictionaryGetValue(object *dictionary, object *key) {
    ENTER(NULL)
    object *found = NULL;
    if (standin_is(dictionary, DICTIONARY, __func__) && standin_is(key, STRING, __func__))
        for (long place = 0; place + 1 < dictionary->count; place += 2) {
            object *other = dictionary->items[place];
            if (other->length == key->length && !memcmp(other->bytes, key->bytes, key->length))
                found = dictionary->items[place + 1];
        }
    standin_unlock();
    return found;
}

bool CFNumberGetValue(object *number, long type, long long *value) {
    ENTER(false)
    bool fits = standin_is(number, NUMBER, __func__) && type == 4;
    if (fits)
        *value = number->number;
    else
        standin_complain("wrong arguments", __func__);
    standin_unlock();
    return fits;
}

object *CFErrorGetDomain(object *error) {
    ENTER(NULL)
    object *domain = standin_is(error, ERROR, __func__) ? error->items[0] : NULL;
    standin_unlock();
    return domain;
}

long CFErrorGetCode(object *error) {
    ENTER(0)
    long code = standin_is(error, ERROR, __func__) ? (long)error->number : 0;
    standin_unlock();
    return code;
}

object *CFErrorCopyDescription(object *error) {
    ENTER(NULL)
    object *copy = standin_is(error, ERROR, __func__) ? standin_retain(error->items[1]) : NULL;
    standin_unlock();
    return copy;
}

object *CFErrorCopyUserInfo(object *error) {
    ENTER(NULL)
    object *copy = standin_is(error, ERROR, __func__) ? standin_retain(error->items[2]) : NULL;
    standin_unlock();
    return copy;
}
