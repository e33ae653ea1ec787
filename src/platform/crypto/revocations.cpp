#include "platform/crypto/revocations.h"

#include <algorithm>
#include <ctime>

#include "platform/crypto/der.h"
#include "platform/crypto/openssl_handles.h"
#include "platform/crypto/pem.h"

namespace mw::crypto {
namespace {

using CrlHandle = std::unique_ptr<X509_CRL, FreeWith<X509_CRL_free>>;

std::string serial_text(const ASN1_INTEGER* serial) {
    std::unique_ptr<BIGNUM, FreeWith<BN_free>> number{ASN1_INTEGER_to_BN(serial, nullptr)};
    if (!number) return {};
    Bytes bytes(std::max(BN_num_bytes(number.get()), 1));
    BN_bn2binpad(number.get(), bytes.data(), static_cast<int>(bytes.size()));
    return to_hex(bytes);
}

Timestamp time_of(const ASN1_TIME* time) {
    std::tm parts{};
    if (!time || ASN1_TIME_to_tm(time, &parts) != 1) return Timestamp{INT64_MAX};
    constexpr std::int64_t last = 9'223'372'036;
    return Timestamp{std::min<std::int64_t>(timegm(&parts), last) * 1'000'000'000};
}

Result<CrlHandle> verified_list(ByteView der, const Certificate& issuer) {
    const std::uint8_t* at = der.data();
    CrlHandle list{d2i_X509_CRL(nullptr, &at, static_cast<long>(der.size()))};
    if (!list) return Error{Errc::invalid_input, "it is no list: " + openssl_reason()};
    at = issuer.der.data();
    X509Handle authority{d2i_X509(nullptr, &at, static_cast<long>(issuer.der.size()))};
    if (!authority) return Error{Errc::invalid_input, "its authority: " + openssl_reason()};
    const bool theirs =
        X509_NAME_cmp(X509_CRL_get_issuer(list.get()), X509_get_subject_name(authority.get())) == 0;
    if (theirs && X509_CRL_verify(list.get(), X509_get0_pubkey(authority.get())) == 1) return list;
    ERR_clear_error();
    return Error{Errc::denied, "it is not signed by '" + issuer.subject_cn + "'"};
}

}  // namespace

Result<Revocations> Revocations::from_pem(std::string_view pem, const Certificate& issuer) {
    TRY(const auto blocks, pem::decode(pem, "X509 CRL"));
    if (blocks.empty())
        return Error{Errc::invalid_input, "no '-----BEGIN X509 CRL-----' in the text"};
    Revocations all;
    for (const auto& block : blocks) {
        auto list = verified_list(block, issuer);
        if (!list) return std::move(list).error().context("list of revoked certificates");
        all.next_update_ =
            std::min(all.next_update_, time_of(X509_CRL_get0_nextUpdate(list->get())));
        STACK_OF(X509_REVOKED)* revoked = X509_CRL_get_REVOKED(list->get());
        for (int i = 0; i < sk_X509_REVOKED_num(revoked); ++i)
            all.serials_.insert(
                serial_text(X509_REVOKED_get0_serialNumber(sk_X509_REVOKED_value(revoked, i))));
    }
    return all;
}

bool Revocations::contains(ByteView certificate) const {
    if (serials_.empty()) return false;
    auto serial = [](ByteView der) -> Result<std::string> {
        TRY(const auto whole, der::Reader{der}.want(der::sequence, "certificate"));
        TRY(const auto tbs, der::Reader{whole.content}.want(der::sequence, "certificate"));
        der::Reader reader{tbs.content};
        TRY_VOID(reader.maybe(der::context_constructed(0), "version"));
        TRY(const auto number, reader.want(der::integer, "serial number"));
        ByteView bytes = number.content;
        while (bytes.size() > 1 && bytes[0] == 0) bytes = bytes.subspan(1);
        return to_hex(bytes);
    };
    const auto found = serial(certificate);
    return found && serials_.contains(*found);
}

}  // namespace mw::crypto
