// For SHA256_CTX and its functions, which OpenSSL 3.0 discourages for EVP's sake (docs/decisions/0007-hmac.md). It silences all that
// is deprecated, so look at what else is used here before taking it for granted.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

// EVP_PKEY_Q_keygen is variadic, and EVP_PKEY_keygen's convenience macros don't reach Swift.
static inline EVP_PKEY *CCrypto_generate_ed25519(void) {
    return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
}
