// For SHA256_CTX and its functions, which OpenSSL 3.0 deprecates in favour of EVP (docs/decisions/0007-hmac.md). It
// silences every deprecation, so check whether anything else that is used here is deprecated.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

// EVP_PKEY_Q_keygen is variadic, and Swift can't import EVP_PKEY_keygen's convenience macros.
static inline EVP_PKEY *CCrypto_generate_ed25519(void) {
    return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
}
