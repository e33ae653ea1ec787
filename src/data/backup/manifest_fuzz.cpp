// The body of a manifest under a head that fits it: what is read can be written and is the same.
#include "data/backup/manifest.h"
#include "platform/crypto/crypto.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    using namespace mw;
    const ByteView body(bytes, size);
    std::string text = "millwright-backup 1 " + to_hex(crypto::sha256(body)) + "\n";
    text += text_of(body);
    const auto manifest = backup::decode(text);
    if (!manifest) return 0;
    for (const auto& file : manifest->files) ASSERT(backup::is_inside(file.path));
    const auto written = backup::encode(*manifest);
    const auto again = backup::decode(written);
    ASSERT(again && backup::encode(*again) == written);
    return 0;
}
