#include "platform/crypto/ocsp.h"

#include <openssl/ocsp.h>

#include "platform/crypto/openssl_handles.h"
#include "platform/crypto/verify_signature.h"

namespace mw::crypto {
namespace {

constexpr std::size_t request_bytes_max = 4096;
constexpr int questions_max = 16;
constexpr int nonce_bytes_max = 128;

using RequestHandle = std::unique_ptr<OCSP_REQUEST, FreeWith<OCSP_REQUEST_free>>;
using ResponseHandle = std::unique_ptr<OCSP_RESPONSE, FreeWith<OCSP_RESPONSE_free>>;
using BasicHandle = std::unique_ptr<OCSP_BASICRESP, FreeWith<OCSP_BASICRESP_free>>;
using CertificateId = std::unique_ptr<OCSP_CERTID, FreeWith<OCSP_CERTID_free>>;
using TimeHandle = std::unique_ptr<ASN1_TIME, FreeWith<ASN1_TIME_free>>;

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

TimeHandle time_at(Timestamp at) {
    return TimeHandle{ASN1_TIME_set(nullptr, at.ns / 1'000'000'000)};
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

Result<> add_verdict(OCSP_BASICRESP* to, OCSP_CERTID* id, const StatusVerdict& verdict,
                     const StatusValidity& valid) {
    using Status = StatusVerdict::Status;
    const int status = verdict.status == Status::good      ? V_OCSP_CERTSTATUS_GOOD
                       : verdict.status == Status::revoked ? V_OCSP_CERTSTATUS_REVOKED
                                                           : V_OCSP_CERTSTATUS_UNKNOWN;
    const int reason = verdict.reason == RevocationReason::unspecified
                           ? OCSP_REVOKED_STATUS_NOSTATUS
                           : static_cast<int>(verdict.reason);
    const TimeHandle from = time_at(valid.this_update), until = time_at(valid.next_update),
                     at = time_at(verdict.at);
    if (!from || !until || !at ||
        !OCSP_basic_add1_status(to, id, status, reason, at.get(), from.get(), until.get()))
        return ocsp_failed("add a status");
    return {};
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

Result<Bytes> StatusRequest::answer(const Signer& by, const StatusJudge& judge,
                                    const StatusValidity& valid) const {
    const X509Handle authority = decoded(by.certificate);
    BasicHandle basic{OCSP_BASICRESP_new()};
    if (!authority || !basic) return ocsp_failed("begin it");
    for (std::size_t i = 0; i < size(); ++i) {
        auto* id = OCSP_onereq_get0_id(
            OCSP_request_onereq_get0(handle_->request.get(), static_cast<int>(i)));
        StatusVerdict verdict;
        if (is_of(id, authority.get())) {
            TRY(const auto serial, serial_in(id));
            verdict = judge(serial);
        }
        TRY_VOID(add_verdict(basic.get(), id, verdict, valid));
    }
    if (OCSP_copy_nonce(basic.get(), handle_->request.get()) < 0) return ocsp_failed("its nonce");
    const EVP_MD* digest = by.key.kind() == KeyKind::ed25519 ? nullptr : EVP_sha256();
    // The authority's certificate goes along: some clients look for the signer nowhere else.
    if (OCSP_basic_sign(basic.get(), authority.get(), handle_of(by.key).key.get(), digest, nullptr,
                        OCSP_RESPID_KEY) != 1)
        return ocsp_failed("sign it");
    const ResponseHandle response{
        OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic.get())};
    if (!response) return ocsp_failed("make it");
    return encoded(response.get(), i2d_OCSP_RESPONSE);
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
