/* A stand-in for the functions of Security that trustbridge calls. See standin.h.
 *
 * The verdicts are a test's: `standin_judge` names a function that is called by each evaluation,
 * reads what was asked and gives the answer.
 */

#include "standin.h"

#include <stdio.h>
#include <string.h>

/* Of Security's header files. */
enum { SUCCESS = 0, PARAM = -50, ITEM_NOT_FOUND = -25300, NO_TRUST_SETTINGS = -25263 };
#define KNOWN_REVOCATION_FLAGS 0x1fu


static void (*judge)(object *trust);

/* What a user, an administrator or the system has set for a certificate: for each usage the name of
 * a policy and a result, of which each can be missing (NULL, 0) or something else (odd). */
typedef struct {
    int domain;
    const uint8_t *der;
    long length;
    struct {
        const char *policy;
        long long result;
        bool odd;
    } usages[4];
    int count;
} setting;
static setting settings[16];
static int settings_count;

#define ENTER(failed)                            \
    int status = SUCCESS;                        \
    standin_lock();                              \
    if (standin_fails(__func__, &status)) {      \
        standin_unlock();                        \
        return failed;                           \
    }

/* For tests ------------------------------------------------------------------------------------ */

/* The function that gives verdicts. It is called without the lock, in the thread that asks. */
void standin_judge(void (*function)(object *trust)) { judge = function; }

static object *policy(object *trust, bool ssl) {
    object *policies = trust->items[POLICIES];
    for (long place = 0; place < policies->count; place++)
        if (policies->items[place]->ssl == ssl)
            return policies->items[place];
    return NULL;
}

int standin_asks_server(object *trust) {
    object *ssl = policy(trust, true);
    return ssl ? ssl->server : -1;
}

/* The bytes of the name in the policy for TLS; NULL if it has none. */
const uint8_t *standin_asked_name(object *trust, long *length) {
    object *ssl = policy(trust, true);
    if (!ssl || !ssl->items[0])
        return NULL;
    *length = ssl->items[0]->length;
    return ssl->items[0]->bytes;
}

/* The flags of the policy for revocation; negative if there is none. */
long long standin_asked_revocation(object *trust) {
    object *revocation = policy(trust, false);
    return revocation ? revocation->number : -1;
}

long standin_asked_policies(object *trust) { return trust->items[POLICIES]->count; }

/* When to verify; 0 if that was not set. */
double standin_asked_date(object *trust) {
    return trust->items[VERIFY_DATE] ? trust->items[VERIFY_DATE]->time : 0;
}

bool standin_asks_network(object *trust) { return trust->network; }

bool standin_asks_only(object *trust) { return trust->only; }

/* How many certificates (0), anchors (3) or OCSP responses (6) were given; negative for none at all. */
long standin_asked_count(object *trust, int part) {
    return trust->items[part] ? trust->items[part]->count : -1;
}

const uint8_t *standin_asked_der(object *trust, int part, long place, long *length) {
    object *certificate = trust->items[part]->items[place];
    *length = certificate->length;
    return certificate->bytes;
}

/* The answer: trusted or not, and an error or NULL. */
void standin_answer(object *trust, bool trusted, object *error) {
    trust->evaluated = trusted;
    trust->items[VERDICT] = error;
}

/* The next certificate of the chain in the answer; NULL for one that is missing. */
void standin_answer_chain(object *trust, const void *der, long length) {
    standin_lock();
    if (!trust->items[CHAIN])
        trust->items[CHAIN] = standin_new(ARRAY);
    object *certificate = der ? standin_bytes(CERTIFICATE, der, length) : NULL;
    standin_add(trust->items[CHAIN], certificate);
    standin_unlock();
}

/* Sets trust settings for a certificate in a domain, without a usage at first. The bytes are the
 * caller's. */
void standin_set(int domain, const uint8_t *der, long length) {
    settings[settings_count++] = (setting){.domain = domain, .der = der, .length = length};
}

/* One more usage of the certificate that was set last. */
void standin_set_usage(const char *policy, long long result, bool odd) {
    setting *last = &settings[settings_count - 1];
    last->usages[last->count].policy = policy;
    last->usages[last->count].result = result;
    last->usages[last->count++].odd = odd;
}

void standin_unset(void) { settings_count = 0; }

/* Security ------------------------------------------------------------------------------------- */

object *SecCopyErrorMessageString(int code, void *reserved) {
    ENTER(NULL)
    char text[64];
    if (reserved)
        standin_complain("wrong arguments", __func__);
    snprintf(text, sizeof text, "message of %d", code);
    object *made = standin_bytes(STRING, text, strlen(text));
    standin_unlock();
    return made;
}

object *SecCertificateCreateWithData(void *allocator, object *data) {
    ENTER(NULL)
    object *made = NULL;
    if (allocator)
        standin_complain("wrong arguments", __func__);
    /* What is no SEQUENCE is no certificate. */
    if (standin_is(data, DATA, __func__) && data->length && data->bytes[0] == 0x30)
        made = standin_bytes(CERTIFICATE, data->bytes, data->length);
    standin_unlock();
    return made;
}

object *SecCertificateCopyData(object *certificate) {
    ENTER(NULL)
    object *made = NULL;
    if (standin_is(certificate, CERTIFICATE, __func__))
        made = standin_bytes(DATA, certificate->bytes, certificate->length);
    standin_unlock();
    return made;
}

object *SecPolicyCreateSSL(uint8_t server, object *hostname) {
    ENTER(NULL)
    object *made = standin_new(POLICY);
    made->ssl = true;
    made->server = server;
    if (hostname && !standin_is(hostname, STRING, __func__))
        hostname = NULL;
    standin_add(made, standin_retain(hostname));
    standin_unlock();
    return made;
}

object *SecPolicyCreateRevocation(unsigned long flags) {
    ENTER(NULL)
    object *made = NULL;
    if (flags && !(flags & ~(unsigned long)KNOWN_REVOCATION_FLAGS)) {
        made = standin_new(POLICY);
        made->number = (long long)flags;
    }
    standin_unlock();
    return made;
}

/* Whether it is an array of objects of one kind. */
static bool is_array(object *array, kind kind, const char *by) {
    if (!standin_is(array, ARRAY, by))
        return false;
    for (long place = 0; place < array->count; place++)
        if (!standin_is(array->items[place], kind, by))
            return false;
    return true;
}

int SecTrustCreateWithCertificates(object *certificates, object *policies, object **trust) {
    ENTER(status)
    if (is_array(certificates, CERTIFICATE, __func__) && is_array(policies, POLICY, __func__) &&
        certificates->count && policies->count) {
        object *made = standin_new(TRUST);
        standin_add(made, standin_retain(certificates));
        standin_add(made, standin_retain(policies));
        while (made->count < PARTS)
            standin_add(made, NULL);
        made->network = true;
        *trust = made;
    } else {
        standin_complain("wrong arguments", __func__);
        status = PARAM;
    }
    standin_unlock();
    return status;
}

/* Replaces a part of a trust object. */
static void set(object *trust, enum part part, object *to) {
    if (trust->items[part])
        standin_release(trust->items[part], "SecTrustSet");
    trust->items[part] = standin_retain(to);
}

int SecTrustSetVerifyDate(object *trust, object *date) {
    ENTER(status)
    if (standin_is(trust, TRUST, __func__) && standin_is(date, DATE, __func__))
        set(trust, VERIFY_DATE, date);
    else
        status = PARAM;
    standin_unlock();
    return status;
}

int SecTrustSetNetworkFetchAllowed(object *trust, uint8_t allowed) {
    ENTER(status)
    if (standin_is(trust, TRUST, __func__))
        trust->network = allowed;
    else
        status = PARAM;
    standin_unlock();
    return status;
}

int SecTrustSetOCSPResponse(object *trust, object *responses) {
    ENTER(status)
    if (standin_is(trust, TRUST, __func__) && is_array(responses, DATA, __func__))
        set(trust, RESPONSES, responses);
    else
        status = PARAM;
    standin_unlock();
    return status;
}

int SecTrustSetAnchorCertificates(object *trust, object *anchors) {
    ENTER(status)
    /* NULL, which stands for the system's, is never meant. */
    if (standin_is(trust, TRUST, __func__) && is_array(anchors, CERTIFICATE, __func__)) {
        set(trust, ANCHORS, anchors);
        trust->only = true;
    } else {
        status = PARAM;
    }
    standin_unlock();
    return status;
}

int SecTrustSetAnchorCertificatesOnly(object *trust, uint8_t only) {
    ENTER(status)
    if (standin_is(trust, TRUST, __func__))
        trust->only = only;
    else
        status = PARAM;
    standin_unlock();
    return status;
}

bool SecTrustEvaluateWithError(object *trust, object **error) {
    ENTER(false)
    bool known = standin_is(trust, TRUST, __func__);
    if (!error || *error)
        standin_complain("no place for the error", __func__);
    standin_unlock();
    if (!known || !judge)
        return false;
    judge(trust);
    standin_lock();
    if (error)
        *error = standin_retain(trust->items[VERDICT]);
    bool trusted = trust->evaluated;
    standin_unlock();
    return trusted;
}

long SecTrustGetCertificateCount(object *trust) {
    ENTER(0)
    object *chain = standin_is(trust, TRUST, __func__) ? trust->items[CHAIN] : NULL;
    long count = chain ? chain->count : 0;
    standin_unlock();
    return count;
}

object *SecTrustGetCertificateAtIndex(object *trust, long place) {
    ENTER(NULL)
    object *chain = standin_is(trust, TRUST, __func__) ? trust->items[CHAIN] : NULL;
    object *found = chain && place >= 0 && place < chain->count ? chain->items[place] : NULL;
    standin_unlock();
    return found;
}

#ifndef BEFORE_MACOS_12
object *SecTrustCopyCertificateChain(object *trust) {
    ENTER(NULL)
    object *chain = standin_is(trust, TRUST, __func__) ? trust->items[CHAIN] : NULL;
    standin_retain(chain);
    standin_unlock();
    return chain;
}
#endif

int SecTrustSettingsCopyCertificates(uint32_t domain, object **certificates) {
    ENTER(status)
    object *made = NULL;
    for (int place = 0; place < settings_count; place++) {
        if (settings[place].domain != (int)domain)
            continue;
        if (!made)
            made = standin_new(ARRAY);
        standin_add(
            made, standin_bytes(CERTIFICATE, settings[place].der, settings[place].length));
    }
    if (made)
        *certificates = made;
    else
        status = NO_TRUST_SETTINGS;
    standin_unlock();
    return status;
}

static void add_entry(object *dictionary, const char *key, object *value) {
    standin_add(dictionary, standin_bytes(STRING, key, strlen(key)));
    standin_add(dictionary, value);
}

static object *usages(const setting *setting) {
    object *made = standin_new(ARRAY);
    for (int place = 0; place < setting->count; place++) {
        object *usage = standin_new(DICTIONARY);
        const char *policy = setting->usages[place].policy;
        if (policy)
            add_entry(
                usage, "kSecTrustSettingsPolicyName",
                setting->usages[place].odd ? standin_new(DATE)
                                           : standin_bytes(STRING, policy, strlen(policy)));
        if (setting->usages[place].result) {
            object *result = standin_new(setting->usages[place].odd && !policy ? DATE : NUMBER);
            result->number = setting->usages[place].result;
            add_entry(usage, "kSecTrustSettingsResult", result);
        }
        standin_add(made, usage);
    }
    return made;
}

int SecTrustSettingsCopyTrustSettings(object *certificate, uint32_t domain, object **found) {
    ENTER(status)
    status = ITEM_NOT_FOUND;
    if (standin_is(certificate, CERTIFICATE, __func__))
        for (int place = 0; place < settings_count; place++)
            if (settings[place].domain == (int)domain &&
                settings[place].length == certificate->length &&
                !memcmp(settings[place].der, certificate->bytes, certificate->length)) {
                *found = usages(&settings[place]);
                status = SUCCESS;
                break;
            }
    standin_unlock();
    return status;
}
