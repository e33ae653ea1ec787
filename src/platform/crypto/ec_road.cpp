// ENGINE is deprecated, and the only door: x509_pubkey_ex_d2i_ex() asks a decoder unless an engine
// claims the kind of key.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "platform/crypto/ec_road.h"

#include <openssl/engine.h>
#include <openssl/evp.h>

#include "base/assert.h"

namespace mw::crypto {
namespace {

EVP_PKEY_METHOD* ec_method = nullptr;

// OpenSSL asks which kinds there are (method null), or for the method of one.
int claim_ec(ENGINE*, EVP_PKEY_METHOD** method, const int** kinds, int kind) {
    static constexpr int ours[] = {EVP_PKEY_EC};
    if (!method) {
        *kinds = ours;
        return 1;
    }
    *method = kind == EVP_PKEY_EC ? ec_method : nullptr;
    return *method ? 1 : 0;
}

bool register_engine() {
    ec_method = EVP_PKEY_meth_new(EVP_PKEY_EC, 0);
    ENGINE* engine = ENGINE_new();
    ASSERT(ec_method && engine);
    EVP_PKEY_meth_copy(ec_method, EVP_PKEY_meth_find(EVP_PKEY_EC));
    return ENGINE_set_id(engine, "millwright-ec") == 1 &&
           ENGINE_set_name(engine, "EC keys without decoders") == 1 &&
           ENGINE_set_pkey_meths(engine, claim_ec) == 1 && ENGINE_add(engine) == 1 &&
           ENGINE_register_pkey_meths(engine) == 1 && ENGINE_free(engine) == 1;
}

}  // namespace

void use_ec_keys_directly() {
    static const bool registered = register_engine();
    ASSERT(registered);
}

}  // namespace mw::crypto
