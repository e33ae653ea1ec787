// Which names a certificate may have at which somebody serves TLS.
#include <arpa/inet.h>

#include <algorithm>

#include "platform/crypto/certificate.h"

namespace mw::crypto {
namespace {

std::string canonical_address(const std::string& text) {
    for (const int family : {AF_INET, AF_INET6}) {
        unsigned char bytes[16];
        char written[INET6_ADDRSTRLEN];
        if (inet_pton(family, text.c_str(), bytes) == 1)
            return inet_ntop(family, bytes, written, sizeof written);
    }
    return "";
}

bool is_host_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; }

// RFC 1123 2.1, in lower case, without a wildcard; the last label is no number, so that nobody
// takes it for an address.
bool is_host_name(std::string_view text) {
    if (text.empty() || text.size() > 253) return false;
    std::string_view label;
    for (std::size_t from = 0; from <= text.size();) {
        const std::size_t end = std::min(text.find('.', from), text.size());
        label = text.substr(from, end - from);
        if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-' ||
            !std::ranges::all_of(label, is_host_letter))
            return false;
        from = end + 1;
    }
    return !std::ranges::all_of(label, [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

Result<AlternativeNames> serving_names(std::span<const std::string> texts) {
    AlternativeNames names;
    for (const std::string& text : texts) {
        if (std::string address = canonical_address(text); !address.empty())
            names.addresses.push_back(std::move(address));
        else if (is_host_name(text))
            names.dns.push_back(text);
        else
            return Error{Errc::invalid_input,
                         "'" + text.substr(0, 80) +
                             "' is neither a DNS name in lower case, without wildcard, nor an IP "
                             "address"};
    }
    return names;
}

}  // namespace mw::crypto
