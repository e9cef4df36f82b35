/*
 * trustbridge: is this certificate chain trusted by the operating system?
 *
 * Ownership. What a function returns through a pointer to a pointer belongs to the caller, who passes
 * it once to the free function of its type. Strings and bytes of a verdict belong to the verdict and
 * live as long as it does. What is passed in is only read during the call. NULL may be passed to every
 * free function.
 *
 * Threads. Every function may be called from any thread at any time. A verifier and a verdict may be
 * shared between threads; nothing changes them. Only a free function needs to be the last to use its
 * argument.
 *
 * Errors. No function unwinds, throws or aborts. Whatever is not TRUSTBRIDGE_TRUSTED is not trusted.
 */

#ifndef TRUSTBRIDGE_H
#define TRUSTBRIDGE_H

/* Made by cbindgen from capi/src: see capi/README.md. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 The time to verify at is now.
 */
#define TRUSTBRIDGE_NOW -1

/*
 What came out. Numbers are never given to something else.
 */
enum trustbridge_status
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /*
   The chain is trusted, or the function did what it should.
   */
  TRUSTBRIDGE_TRUSTED = 0,
  /*
   The peer sent no certificate.
   */
  TRUSTBRIDGE_NO_CERTIFICATE = 1,
  /*
   A certificate is not valid DER, or one of its extensions is malformed.
   */
  TRUSTBRIDGE_BAD_ENCODING = 2,
  /*
   The chain is too long or too complex.
   */
  TRUSTBRIDGE_CHAIN_TOO_COMPLEX = 3,
  /*
   A certificate's validity period is over.
   */
  TRUSTBRIDGE_EXPIRED = 4,
  /*
   A certificate's validity period has not begun.
   */
  TRUSTBRIDGE_NOT_YET_VALID = 5,
  /*
   The end entity is not valid for the peer's DNS name or IP address.
   */
  TRUSTBRIDGE_NAME_MISMATCH = 6,
  /*
   The issuer of the last certificate found is neither in the chain nor a trust anchor.
   */
  TRUSTBRIDGE_UNKNOWN_ISSUER = 7,
  /*
   The end entity is self-signed and not trusted.
   */
  TRUSTBRIDGE_SELF_SIGNED_LEAF = 8,
  /*
   The chain ends in a self-signed root that is not trusted.
   */
  TRUSTBRIDGE_UNTRUSTED_ROOT = 9,
  /*
   There is no trust anchor at all.
   */
  TRUSTBRIDGE_NO_TRUST_ANCHORS = 10,
  /*
   The end entity is none of the pinned certificates.
   */
  TRUSTBRIDGE_PIN_MISMATCH = 11,
  /*
   A certificate's signature was not made with its issuer's key.
   */
  TRUSTBRIDGE_BAD_SIGNATURE = 12,
  /*
   A signature or key algorithm is unknown, outdated or not compiled in.
   */
  TRUSTBRIDGE_UNSUPPORTED_ALGORITHM = 13,
  /*
   A public key is too short.
   */
  TRUSTBRIDGE_WEAK_KEY = 14,
  /*
   A certificate issued another one but is not a CA.
   */
  TRUSTBRIDGE_NOT_A_CA = 15,
  /*
   A CA certificate is used as an end entity. Only Apple's verifier reports this.
   */
  TRUSTBRIDGE_CA_AS_END_ENTITY = 16,
  /*
   A CA's key usage does not allow it to sign certificates.
   */
  TRUSTBRIDGE_KEY_USAGE = 17,
  /*
   There are more intermediates than a CA's path length allows.
   */
  TRUSTBRIDGE_PATH_LENGTH_EXCEEDED = 18,
  /*
   A certificate may not be used for the purpose.
   */
  TRUSTBRIDGE_WRONG_PURPOSE = 19,
  /*
   A name lies outside a CA's name constraints.
   */
  TRUSTBRIDGE_NAME_CONSTRAINTS = 20,
  /*
   An extension that must be understood is not.
   */
  TRUSTBRIDGE_UNKNOWN_CRITICAL_EXTENSION = 21,
  /*
   The store says that the certificate, its issuer or its key must not be trusted.
   */
  TRUSTBRIDGE_DISTRUSTED = 22,
  /*
   A certificate has been revoked.
   */
  TRUSTBRIDGE_REVOKED = 23,
  /*
   Whether a certificate is revoked is not known, and the options require it.
   */
  TRUSTBRIDGE_REVOCATION_UNKNOWN = 24,
  /*
   The CRL that covers a certificate is out of date, and the options require a fresh one.
   */
  TRUSTBRIDGE_REVOCATION_OUTDATED = 25,
  /*
   A CRL is malformed, of an unsupported form, or not signed by the certificate's issuer.
   */
  TRUSTBRIDGE_BAD_REVOCATION_DATA = 26,
  /*
   A certificate breaks a rule of the operating system's policy or of the strict profile.
   */
  TRUSTBRIDGE_NOT_STANDARDS_COMPLIANT = 27,
  /*
   The verdict could not be reached.
   */
  TRUSTBRIDGE_CANNOT_CHECK = 28,
  /*
   Not trusted, for a reason that has no number here: see the kind and the report.
   */
  TRUSTBRIDGE_OTHER_FAULT = 99,
  /*
   A mistake of the caller: a NULL where something is needed, options of an unknown size or value,
   a certificate or CRL in them that is malformed, a name that is none.
   */
  TRUSTBRIDGE_INVALID_ARGUMENT = -1,
  /*
   A mistake of ours.
   */
  TRUSTBRIDGE_INTERNAL_ERROR = -2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum trustbridge_status trustbridge_status;
#else
typedef int32_t trustbridge_status;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/*
 A verdict with its reasons.
 */
typedef struct trustbridge_verdict trustbridge_verdict;

/*
 Verifies chains. It never changes.
 */
typedef struct trustbridge_verifier trustbridge_verifier;

/*
 Bytes that someone else owns. `data` may be NULL if `length` is 0.
 */
typedef struct trustbridge_bytes {
  /*
   The first byte.
   */
  const uint8_t *data;
  /*
   How many bytes there are.
   */
  size_t length;
} trustbridge_bytes;

/*
 A list of certificates or CRLs in DER that someone else owns. `items` may be NULL if `length` is 0.
 */
typedef struct trustbridge_list {
  /*
   The first item.
   */
  const struct trustbridge_bytes *items;
  /*
   How many items there are.
   */
  size_t length;
} trustbridge_list;

/*
 What a verifier should do. All bytes zero but `size` are the defaults: the operating system's trust
 anchors, for servers, no revocation.

 Lists are read during trustbridge_verifier_new and not kept.
 */
typedef struct trustbridge_options {
  /*
   `sizeof(trustbridge_options)`: a later version may add members at the end.
   */
  size_t size;
  /*
   Trust anchors beside those of the operating system.
   */
  struct trustbridge_list extra_roots;
  /*
   Trust anchors that are trusted only while the operating system has no usable one.
   */
  struct trustbridge_list fallback_roots;
  /*
   Untrusted certificates that may help to build a path.
   */
  struct trustbridge_list intermediates;
  /*
   With any here, exactly these end entities are accepted, and nothing else.
   */
  struct trustbridge_list pinned;
  /*
   CRLs known to the caller.
   */
  struct trustbridge_list crls;
  /*
   Which certificates are checked for revocation: 0 none, 1 the end entity, 2 the intermediates too.
   */
  int32_t revocation_check;
  /*
   Whether a certificate is refused if its revocation status is unknown.
   */
  bool reject_unknown_revocation;
  /*
   Whether the operating system may fetch revocation data. An error on Unix.
   */
  bool revocation_network;
  /*
   Whether the operating system's trust anchors are ignored.
   */
  bool no_system_roots;
  /*
   Whether the peers are clients. For a CA of your own, set no_system_roots as well.
   */
  bool clients;
  /*
   Whether the rules of OpenSSL's X509_V_FLAG_X509_STRICT apply too. An error where it is unsupported.
   */
  bool strict;
  /*
   With `clients`: whether a certificate for servers will do too, as clients have that are servers
   themselves. Whoever has a server's certificate from a trust anchor can then log in as that server.
   */
  bool accept_server_auth;
  /*
   Whether RSA keys from 1024 bits, and RSA signatures with SHA-1 below the trust anchor, are accepted:
   for devices that cannot be replaced. Both can be forged. The text of the verdict says what it was
   needed for. An error where it is unsupported.
   */
  bool danger_allow_weak_keys;
  /*
   Zero: room for later members, so that `size` tells versions apart.
   */
  uint8_t reserved[5];
} trustbridge_options;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/*
 The status that trustbridge_verify returned.

 # Safety

 `verdict` is NULL, which is TRUSTBRIDGE_INVALID_ARGUMENT, or a verdict that has not been freed.
 */
trustbridge_status trustbridge_verdict_status(const struct trustbridge_verdict *verdict);

/*
 The kind of fault as a word, such as "UnknownIssuer", or "Trusted". Never NULL; it belongs to the
 verdict.

 # Safety

 `verdict` is NULL or a verdict that has not been freed.
 */
const char *trustbridge_verdict_kind(const struct trustbridge_verdict *verdict);

/*
 The verdict in one line. Never NULL; it belongs to the verdict.

 # Safety

 `verdict` is NULL or a verdict that has not been freed.
 */
const char *trustbridge_verdict_text(const struct trustbridge_verdict *verdict);

/*
 The full report, on several lines: what is wrong, where, what was searched and what to do, or the
 chain that is trusted. Never NULL; it belongs to the verdict.

 # Safety

 `verdict` is NULL or a verdict that has not been freed.
 */
const char *trustbridge_verdict_report(const struct trustbridge_verdict *verdict);

/*
 Which certificate is at fault, counted from the end entity, 0; -1 if that is not known.

 # Safety

 `verdict` is NULL or a verdict that has not been freed.
 */
int32_t trustbridge_verdict_depth(const struct trustbridge_verdict *verdict);

/*
 The X509_V_ERR_* number of OpenSSL 3 that comes closest; 0 if the chain is trusted.

 # Safety

 `verdict` is NULL, which is 1 (X509_V_ERR_UNSPECIFIED), or a verdict that has not been freed.
 */
int32_t trustbridge_verdict_openssl_code(const struct trustbridge_verdict *verdict);

/*
 How many certificates the trusted path has; 0 if the chain is not trusted.

 # Safety

 `verdict` is NULL or a verdict that has not been freed.
 */
size_t trustbridge_verdict_chain_length(const struct trustbridge_verdict *verdict);

/*
 A certificate of the trusted path in DER: the end entity is 0, the trust anchor the last. Empty if
 there is none; it belongs to the verdict.

 # Safety

 `verdict` is NULL or a verdict that has not been freed.
 */
struct trustbridge_bytes trustbridge_verdict_chain(const struct trustbridge_verdict *verdict,
                                                   size_t index);

/*
 Frees a verdict and everything that belongs to it.

 # Safety

 `verdict` is NULL or comes from trustbridge_verify, and nothing uses it from now on.
 */
void trustbridge_verdict_free(struct trustbridge_verdict *verdict);

/*
 The version of the library. It lives as long as the program.
 */
const char *trustbridge_version(void);

/*
 Makes a verifier. Make one and keep it: it shares the operating system's store with the others of the
 process and reads it when it first verifies.

 Returns TRUSTBRIDGE_TRUSTED and gives the verifier, or TRUSTBRIDGE_INVALID_ARGUMENT and gives, in
 `error` if that is not NULL, a text for trustbridge_string_free.

 # Safety

 `options` is NULL, for the defaults, or points to options whose lists are what they say. `verifier`
 points to a pointer to write to; `error` is NULL or does so too.
 */
trustbridge_status trustbridge_verifier_new(const struct trustbridge_options *options,
                                            struct trustbridge_verifier **verifier,
                                            char **error);

/*
 Frees a verifier. Its verdicts stay.

 # Safety

 `verifier` is NULL or comes from trustbridge_verifier_new, and nothing uses it from now on.
 */
void trustbridge_verifier_free(struct trustbridge_verifier *verifier);

/*
 Frees a text that trustbridge_verifier_new gave.

 # Safety

 `string` is NULL or comes from trustbridge_verifier_new, and nothing uses it from now on.
 */
void trustbridge_string_free(char *string);

/*
 Verifies a chain: the certificates that the peer sent in DER, the end entity first.

 `name` is the DNS name or IP address that the end entity must be valid for. With NULL the name is
 NOT CHECKED: right for clients, dangerous for servers. `time` is in seconds since 1970, or
 TRUSTBRIDGE_NOW. `ocsp_response` is what the peer stapled; empty if there is none.

 Returns TRUSTBRIDGE_TRUSTED or what is wrong, and gives the verdict with its reasons, if `verdict` is
 not NULL and the status is not negative. That the peer has the private key is for the TLS library to
 check.

 # Safety

 `verifier` is NULL or a verifier that has not been freed. The list and the bytes are what they say.
 `name` is NULL or ends in NUL. `verdict` is NULL or points to a pointer to write to.
 */
trustbridge_status trustbridge_verify(const struct trustbridge_verifier *verifier,
                                      struct trustbridge_list chain,
                                      const char *name,
                                      int64_t time,
                                      struct trustbridge_bytes ocsp_response,
                                      struct trustbridge_verdict **verdict);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* TRUSTBRIDGE_H */
