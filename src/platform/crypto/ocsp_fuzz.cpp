// Status requests come from strangers, without a token. What is read is answered too, and the
// answer must be one that OpenSSL's client accepts.

#include <cstdlib>

#include "platform/crypto/crypto_samples.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    using namespace mw;
    static crypto::samples::Authority authority;
    const auto request = crypto::StatusRequest::from_der({bytes, size});
    if (!request) return 0;
    const auto judge = [](const crypto::SerialNumber&) {
        return crypto::StatusVerdict{crypto::StatusVerdict::Status::good};
    };
    const auto answer =
        request->answer({authority.issuing, authority.issuing_key}, judge,
                        {crypto::samples::now, crypto::samples::now + crypto::samples::day});
    if (answer && answer->size() > 64 * 1024) std::abort();  // no amplifier
    return 0;
}
