#include "base/id.h"

namespace mw {

std::string make_ulid(std::int64_t unix_ms, Random& random) {
    constexpr char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";  // Crockford base 32
    std::string text(26, '0');
    for (int i = 9; i >= 0; --i, unix_ms >>= 5) text[i] = alphabet[unix_ms & 31];
    std::uint64_t word = 0;
    for (int i = 0; i < 16; ++i, word >>= 5) {
        if (i % 8 == 0) word = random.next();
        text[10 + i] = alphabet[word & 31];
    }
    return text;
}

}  // namespace mw
