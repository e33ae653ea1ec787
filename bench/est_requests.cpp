// est_requests N: signing requests of N devices (P-256), a line each: NAME BASE64. Their keys are
// thrown away: whoever measures the server does not want to make them meanwhile.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "platform/crypto/crypto.h"

int main(int argc, char** argv) {
    using namespace mw;
    const long count = argc > 1 ? std::strtol(argv[1], nullptr, 10) : 0;
    for (long i = 0; i < count; ++i) {
        const std::string name = "gw-" + std::to_string(i);
        auto key = crypto::PrivateKey::generate(crypto::KeyKind::p256);
        auto csr = key ? crypto::make_csr({name, {}}, *key) : Result<Bytes>{std::move(key).error()};
        if (!csr) return std::fprintf(stderr, "%s\n", csr.error().message.c_str()), 1;
        std::printf("%s %s\n", name.c_str(), to_base64(*csr).c_str());
    }
    return 0;
}
