#include "platform/crypto/ocsp.h"

#include <openssl/ocsp.h>

#include "platform/crypto/hash.h"
#include "platform/crypto/openssl_handles.h"
#include "platform/crypto/x509_parts.h"

namespace mw::crypto {
namespace {

constexpr std::size_t request_bytes_max = 4096;
constexpr int questions_max = 16;
constexpr int nonce_bytes_max = 128;

using RequestHandle = std::unique_ptr<OCSP_REQUEST, FreeWith<OCSP_REQUEST_free>>;
using ResponseHandle = std::unique_ptr<OCSP_RESPONSE, FreeWith<OCSP_RESPONSE_free>>;
using BasicHandle = std::unique_ptr<OCSP_BASICRESP, FreeWith<OCSP_BASICRESP_free>>;
using CertificateId = std::unique_ptr<OCSP_CERTID, FreeWith<OCSP_CERTID_free>>;

Error no_request(std::string why) {
    ERR_clear_error();
    return {Errc::invalid_input, "OCSP request: " + std::move(why)};
}

Error ocsp_failed(std::string_view step) {
    return {Errc::io_failed, "OCSP response: " + std::string(step) + ": " + openssl_reason()};
}

X509Handle decoded(const Certificate& certificate) {
    const std::uint8_t* at = certificate.der.data();
    return X509Handle{d2i_X509(nullptr, &at, static_cast<long>(certificate.der.size()))};
}

template <class T, class F>
Result<Bytes> encoded(const T* message, F write) {
    std::uint8_t* der = nullptr;
    const int size = write(message, &der);
    if (size <= 0) return ocsp_failed("encode it");
    Bytes bytes(der, der + size);
    OPENSSL_free(der);
    return bytes;
}

Result<SerialNumber> serial_in(OCSP_CERTID* id) {
    ASN1_INTEGER* number = nullptr;
    if (OCSP_id_get0_info(nullptr, nullptr, nullptr, &number, id) != 1 || !number)
        return no_request("it asks about no serial number");
    if (ASN1_STRING_type(number) != V_ASN1_INTEGER)
        return no_request("a serial number is negative");
    return serial_number_from(
        {ASN1_STRING_get0_data(number), static_cast<std::size_t>(ASN1_STRING_length(number))});
}

// Whether the question is about a certificate of this authority: by the hash that it came with.
bool is_of(OCSP_CERTID* id, X509* authority) {
    ASN1_OBJECT* algorithm = nullptr;
    if (OCSP_id_get0_info(nullptr, &algorithm, nullptr, nullptr, id) != 1) return false;
    const int nid = OBJ_obj2nid(algorithm);
    if (nid != NID_sha1 && nid != NID_sha256 && nid != NID_sha384 && nid != NID_sha512)
        return false;
    const EVP_MD* digest = EVP_get_digestbynid(nid);
    if (!digest) return false;
    const CertificateId ours{OCSP_cert_id_new(digest, X509_get_subject_name(authority),
                                              X509_get0_pubkey_bitstr(authority), nullptr)};
    return ours && OCSP_id_issuer_cmp(ours.get(), id) == 0;
}

// RFC 6960 4.2.1: always GeneralizedTime, in whole seconds.
Bytes generalized(Timestamp at) {
    const std::string iso = to_iso8601({at.ns / 1'000'000'000 * 1'000'000'000});
    std::string digits;
    for (const char c : iso)
        if (c >= '0' && c <= '9') digits += c;
    return der::element(der::generalized_time, digits + "Z");
}

// SingleResponse: about the certificate that the question names, in its own words.
Result<Bytes> single_response(OCSP_CERTID* id, const StatusVerdict& verdict,
                              const StatusValidity& valid) {
    TRY(const Bytes about, encoded(id, i2d_OCSP_CERTID));
    Bytes status{der::context(2), 0};  // unknown
    if (verdict.status == StatusVerdict::Status::good) status = {der::context(0), 0};
    if (verdict.status == StatusVerdict::Status::revoked) {
        Bytes reason;
        if (verdict.reason != RevocationReason::unspecified) {
            const std::uint8_t number[] = {0x0a, 1, static_cast<std::uint8_t>(verdict.reason)};
            reason = der::element(der::context_constructed(0), {number});
        }
        status = der::element(der::context_constructed(1), {generalized(verdict.at), reason});
    }
    const Bytes until = der::element(der::context_constructed(0), {generalized(valid.next_update)});
    return der::element(der::sequence, {about, status, generalized(valid.this_update), until});
}

// The request's nonce as responseExtensions, or nothing.
Result<Bytes> echoed_nonce(OCSP_REQUEST* request) {
    const int place = OCSP_REQUEST_get_ext_by_NID(request, NID_id_pkix_OCSP_Nonce, -1);
    if (place < 0) return Bytes{};
    TRY(const Bytes nonce, encoded(OCSP_REQUEST_get_ext(request, place), i2d_X509_EXTENSION));
    const Bytes all = der::element(der::sequence, {nonce});
    return der::element(der::context_constructed(1), {all});
}

// OCSPResponse around a BasicOCSPResponse, written by ourselves: the key may be in a token, and
// OpenSSL signs with keys of its own. The authority's certificate goes along, since some clients
// look for the signer nowhere else.
Result<Bytes> signed_response(ByteView data, const Signer& by) {
    TRY(const Bytes signature, by.key.sign(data).context("OCSP response: sign it"));
    static constexpr std::uint8_t no_unused_bits[] = {0}, successful[] = {0x0a, 1, 0};
    const Bytes certificates = der::element(der::sequence, {by.certificate.der});
    const Bytes basic =
        der::element(der::sequence, {data, x509::signature_algorithm(by.key.kind()),
                                     der::element(der::bit_string, {no_unused_bits, signature}),
                                     der::element(der::context_constructed(0), {certificates})});
    const Bytes body = der::element(der::sequence, {der::element(der::oid, {x509::oid_ocsp_basic}),
                                                    der::element(der::octet_string, {basic})});
    return der::element(der::sequence,
                        {successful, der::element(der::context_constructed(0), {body})});
}

}  // namespace

struct StatusRequest::Handle {
    RequestHandle request;
};

Result<StatusRequest> StatusRequest::from_der(ByteView der) {
    if (der.size() > request_bytes_max) return no_request("it is larger than 4 KiB");
    const std::uint8_t* at = der.data();
    RequestHandle request{d2i_OCSP_REQUEST(nullptr, &at, static_cast<long>(der.size()))};
    if (!request) return no_request("it can't be read: " + openssl_reason());
    if (at != der.data() + der.size()) return no_request("something follows it");
    const int count = OCSP_request_onereq_count(request.get());
    if (count < 1 || count > questions_max)
        return no_request("it asks about " + std::to_string(count) + " certificates; want 1 to 16");
    for (int i = 0; i < count; ++i)
        TRY_VOID(serial_in(OCSP_onereq_get0_id(OCSP_request_onereq_get0(request.get(), i))));
    // A nonce is echoed: a long one would make us sign what strangers like.
    const int place = OCSP_REQUEST_get_ext_by_NID(request.get(), NID_id_pkix_OCSP_Nonce, -1);
    if (place >= 0) {
        const auto* value = X509_EXTENSION_get_data(OCSP_REQUEST_get_ext(request.get(), place));
        const int size = ASN1_STRING_length(value);
        if (size < 1 || size > nonce_bytes_max + 3)  // within it, an OCTET STRING
            return no_request("its nonce has " + std::to_string(size) + " bytes; want 1 to 128");
    }
    return StatusRequest{std::make_shared<Handle>(Handle{std::move(request)})};
}

Result<Bytes> StatusRequest::about(const Certificate& certificate, const Certificate& issuer,
                                   ByteView nonce) {
    const X509Handle subject = decoded(certificate), authority = decoded(issuer);
    RequestHandle request{OCSP_REQUEST_new()};
    if (!subject || !authority || !request) return ocsp_failed("ask");
    CertificateId id{OCSP_cert_id_new(EVP_sha256(), X509_get_subject_name(authority.get()),
                                      X509_get0_pubkey_bitstr(authority.get()),
                                      X509_get0_serialNumber(subject.get()))};
    if (!id || !OCSP_request_add0_id(request.get(), id.get())) return ocsp_failed("ask");
    static_cast<void>(id.release());
    Bytes own(nonce.begin(), nonce.end());
    if (!own.empty() &&
        OCSP_request_add1_nonce(request.get(), own.data(), static_cast<int>(own.size())) != 1)
        return ocsp_failed("add a nonce");
    return encoded(request.get(), i2d_OCSP_REQUEST);
}

std::size_t StatusRequest::size() const {
    return static_cast<std::size_t>(OCSP_request_onereq_count(handle_->request.get()));
}

bool StatusRequest::has_nonce() const {
    return OCSP_REQUEST_get_ext_by_NID(handle_->request.get(), NID_id_pkix_OCSP_Nonce, -1) >= 0;
}

bool StatusRequest::is_about_one_of(const Certificate& authority) const {
    const X509Handle handle = decoded(authority);
    return handle && is_of(OCSP_onereq_get0_id(OCSP_request_onereq_get0(handle_->request.get(), 0)),
                           handle.get());
}

Result<Bytes> StatusRequest::answer(const Signer& by, const StatusJudge& judge,
                                    const StatusValidity& valid) const {
    const X509Handle authority = decoded(by.certificate);
    if (!authority) return ocsp_failed("begin it");
    Bytes answers;
    for (std::size_t i = 0; i < size(); ++i) {
        auto* id = OCSP_onereq_get0_id(
            OCSP_request_onereq_get0(handle_->request.get(), static_cast<int>(i)));
        StatusVerdict verdict;
        if (is_of(id, authority.get())) {
            TRY(const auto serial, serial_in(id));
            verdict = judge(serial);
        }
        TRY(const Bytes answer, single_response(id, verdict, valid));
        der::append(answers, answer);
    }
    TRY(const Bytes nonce, echoed_nonce(handle_->request.get()));
    // ResponderID by key: SHA-1 of the BIT STRING's content, as the protocol fixes it.
    const auto* bits = X509_get0_pubkey_bitstr(authority.get());
    const auto key_hash =
        sha1({ASN1_STRING_get0_data(bits), static_cast<std::size_t>(ASN1_STRING_length(bits))});
    const Bytes responder = der::element(der::context_constructed(2),
                                         {der::element(der::octet_string, {ByteView{key_hash}})});
    return signed_response(
        der::element(der::sequence, {responder, generalized(valid.this_update),
                                     der::element(der::sequence, {answers}), nonce}),
        by);
}

Bytes status_refusal(StatusRefusal why) {
    // OCSPResponse { responseStatus ENUMERATED }
    return {0x30, 3, 0x0a, 1, static_cast<std::uint8_t>(why)};
}

Result<StatusVerdict> status_in_response(ByteView response, const Certificate& certificate,
                                         const Certificate& issuer) {
    const auto denied = [](std::string why) {
        ERR_clear_error();
        return Error{Errc::denied, "OCSP response: " + std::move(why)};
    };
    const std::uint8_t* at = response.data();
    const ResponseHandle whole{d2i_OCSP_RESPONSE(nullptr, &at, static_cast<long>(response.size()))};
    const X509Handle subject = decoded(certificate), authority = decoded(issuer);
    if (!whole || !subject || !authority) return denied("it can't be read");
    const BasicHandle basic{OCSP_response_get1_basic(whole.get())};
    if (!basic)
        return denied("it is a refusal, status " +
                      std::to_string(OCSP_response_status(whole.get())));
    std::unique_ptr<STACK_OF(X509), void (*)(STACK_OF(X509)*)> signers(
        sk_X509_new_null(), [](STACK_OF(X509) * list) { sk_X509_free(list); });
    sk_X509_push(signers.get(), authority.get());
    if (OCSP_basic_verify(basic.get(), signers.get(), nullptr, OCSP_TRUSTOTHER | OCSP_NOINTERN) !=
        1)
        return denied("'" + issuer.subject_cn + "' did not sign it");
    for (const EVP_MD* digest : {EVP_sha1(), EVP_sha256()}) {
        const CertificateId id{OCSP_cert_to_id(digest, subject.get(), authority.get())};
        int status = 0, reason = -1;
        if (!id || OCSP_resp_find_status(basic.get(), id.get(), &status, &reason, nullptr, nullptr,
                                         nullptr) != 1)
            continue;
        StatusVerdict verdict;
        verdict.status = status == V_OCSP_CERTSTATUS_GOOD      ? StatusVerdict::Status::good
                         : status == V_OCSP_CERTSTATUS_REVOKED ? StatusVerdict::Status::revoked
                                                               : StatusVerdict::Status::unknown;
        if (reason > 0) verdict.reason = static_cast<RevocationReason>(reason);
        return verdict;
    }
    return denied("it says nothing of that certificate");
}

}  // namespace mw::crypto
