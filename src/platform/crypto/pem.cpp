#include "platform/crypto/pem.h"

namespace mw::crypto::pem {
namespace {

constexpr std::size_t blocks_max = 256;

}  // namespace

Result<std::vector<Bytes>> decode(std::string_view text, std::string_view label,
                                  std::size_t text_most) {
    if (text.size() > text_most)
        return Error{Errc::invalid_input,
                     "PEM: longer than " + std::to_string(text_most >> 20) + " MiB"};
    std::string begin = "-----BEGIN " + std::string(label) + "-----";
    std::string end = "-----END " + std::string(label) + "-----";
    std::vector<Bytes> blocks;
    for (std::size_t at = text.find(begin); at != text.npos; at = text.find(begin, at)) {
        at += begin.size();
        std::size_t stop = text.find(end, at);
        if (stop == text.npos) return Error{Errc::invalid_input, "PEM: '" + begin + "' has no end"};
        if (blocks.size() >= blocks_max) return Error{Errc::invalid_input, "PEM: too many blocks"};
        auto der = from_base64(text.substr(at, stop - at));
        if (!der)
            return std::move(der).error().context("PEM block " + std::to_string(blocks.size() + 1));
        blocks.push_back(*std::move(der));
        at = stop + end.size();
    }
    return blocks;
}

std::string encode(ByteView der, std::string_view label) {
    std::string name(label);
    return "-----BEGIN " + name + "-----\n" + to_base64(der, 64) + "-----END " + name + "-----\n";
}

}  // namespace mw::crypto::pem
