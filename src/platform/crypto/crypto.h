#pragma once
// Hashes, keys, certificates and signing requests: the only place with OpenSSL's EVP and X509,
// apart from TLS in platform/net. Everything here is a value or a pure function and may be used
// from any thread; raw handles never leave. A signature takes tens of microseconds: thousands at
// once belong on the worker pool.

#include "platform/crypto/certificate.h"
#include "platform/crypto/csr.h"
#include "platform/crypto/ec_road.h"
#include "platform/crypto/hash.h"
#include "platform/crypto/key.h"
#include "platform/crypto/ocsp.h"
#include "platform/crypto/revocation_list.h"
#include "platform/crypto/revocations.h"
#include "platform/crypto/token.h"
#include "platform/crypto/token_uri.h"
