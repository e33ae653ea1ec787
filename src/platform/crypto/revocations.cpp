#include "platform/crypto/revocations.h"

#include <algorithm>

#include "platform/crypto/der.h"
#include "platform/crypto/pem.h"

namespace mw::crypto {
namespace {

constexpr std::size_t lists_bytes_max = std::size_t{64} << 20;

}  // namespace

Result<Revocations> Revocations::from_pem(std::string_view pem,
                                          std::span<const Certificate> issuers) {
    TRY(const auto blocks, pem::decode(pem, "X509 CRL", lists_bytes_max));
    if (blocks.empty())
        return Error{Errc::invalid_input, "no '-----BEGIN X509 CRL-----' in the text"};
    Revocations all;
    for (const auto& block : blocks) {
        Result<RevocationList> list = Error{Errc::denied, "there is no issuer"};
        for (const auto& issuer : issuers) {
            list = revocation_list_from_der(block, issuer);
            if (list || list.error().code != Errc::denied) break;
        }
        if (!list) return std::move(list).error().context("list of revoked certificates");
        all.next_update_ = std::min(all.next_update_, list->next_update);
        all.add(list->serials);
    }
    return all;
}

void Revocations::add(std::span<const SerialNumber> serials) {
    const auto old = static_cast<std::ptrdiff_t>(serials_.size());
    serials_.insert(serials_.end(), serials.begin(), serials.end());
    std::sort(serials_.begin() + old, serials_.end());
    std::inplace_merge(serials_.begin(), serials_.begin() + old, serials_.end());
    const auto twice = std::ranges::unique(serials_);
    serials_.erase(twice.begin(), twice.end());
}

bool Revocations::contains(const SerialNumber& serial) const {
    return std::ranges::binary_search(serials_, serial);
}

bool Revocations::contains(const Certificate& certificate) const {
    const auto serial = serial_number_of(certificate.serial);
    return serial && contains(*serial);
}

bool Revocations::contains(ByteView certificate) const {
    if (serials_.empty()) return false;
    const auto known = serial_and_issuer(certificate);
    return known && contains(known->serial);
}

Result<SerialAndIssuer> serial_and_issuer(ByteView certificate) {
    TRY(const auto whole, der::Reader{certificate}.want(der::sequence, "certificate"));
    TRY(const auto tbs, der::Reader{whole.content}.want(der::sequence, "certificate"));
    der::Reader reader{tbs.content};
    TRY_VOID(reader.maybe(der::context_constructed(0), "version"));
    TRY(const auto number, reader.want(der::integer, "serial number"));
    SerialAndIssuer known;
    TRY(known.serial, serial_number_from(number.content));
    TRY_VOID(reader.want(der::sequence, "signature algorithm"));
    TRY(const auto name, reader.want(der::sequence, "issuer"));
    known.issuer = name.whole;
    return known;
}

}  // namespace mw::crypto
