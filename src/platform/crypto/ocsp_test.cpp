#include "platform/crypto/ocsp.h"

#include <gtest/gtest.h>

#include "platform/crypto/crypto_samples.h"

namespace mw::crypto {
namespace {

using samples::day;
using Status = StatusVerdict::Status;

// An authority in the time of this machine: the openssl program knows no other.
struct StatusOffice {
    samples::Authority authority;
    PrivateKey key = *PrivateKey::generate(KeyKind::p256);
    Timestamp now = RealClock{}.now();
    Certificate device = issued("gw-1");
    Signer signer{authority.issuing, authority.issuing_key};
    StatusValidity valid{now, now + day};

    Certificate issued(const std::string& name) {
        auto order = samples::Authority::order(Profile::device, name, 3650);
        order.not_before = now - day, order.not_after = now + day;
        return *issue(order, key.public_key().spki(), {authority.issuing, authority.issuing_key},
                      authority.random);
    }
    Result<Bytes> answer(ByteView request, StatusVerdict verdict) {
        TRY(const auto read, StatusRequest::from_der(request));
        return read.answer(
            signer, [verdict](const SerialNumber&) { return verdict; }, valid);
    }
};

TEST(Ocsp, every_status_comes_back_as_it_was_given) {
    StatusOffice office;
    const Certificate& issuing = office.authority.issuing;
    const Bytes request = *StatusRequest::about(office.device, issuing);
    for (const auto status : {Status::good, Status::revoked, Status::unknown}) {
        const auto answer =
            office.answer(request, {status, office.now, RevocationReason::key_compromise});
        ASSERT_TRUE(answer.ok()) << answer.error().message;
        const auto read = status_in_response(*answer, office.device, issuing);
        ASSERT_TRUE(read.ok()) << read.error().message;
        EXPECT_EQ(read->status, status);
        const auto reason = status == Status::revoked ? RevocationReason::key_compromise
                                                      : RevocationReason::unspecified;
        EXPECT_EQ(read->reason, reason);
    }
}

TEST(Ocsp, the_judge_hears_the_serial_number_that_was_asked_about) {
    StatusOffice office;
    const auto request =
        StatusRequest::from_der(*StatusRequest::about(office.device, office.authority.issuing));
    ASSERT_TRUE(request.ok());
    SerialNumber heard;
    const auto judge = [&](const SerialNumber& serial) {
        heard = serial;
        return StatusVerdict{Status::good};
    };
    ASSERT_TRUE(request->answer(office.signer, judge, office.valid).ok());
    EXPECT_EQ(heard, *serial_number_of(office.device.serial));
}

TEST(Ocsp, a_certificate_of_another_authority_is_unknown_whatever_the_judge_says) {
    StatusOffice office;
    const Certificate& root = office.authority.root;
    const Bytes request = *StatusRequest::about(office.device, root);  // as if root had issued it
    const auto answer = office.answer(request, {Status::good});
    ASSERT_TRUE(answer.ok());
    samples::Folder folder;
    folder.write("answer.der", text_of(*answer));
    const auto text = folder.run("openssl ocsp -respin answer.der -resp_text -noverify");
    EXPECT_NE(text.find("Cert Status: unknown"), text.npos) << text;
}

TEST(Ocsp, openssl_asks_with_a_nonce_and_believes_the_answer) {
    StatusOffice office;
    samples::Folder folder;
    folder.write("issuing.pem", to_pem(office.authority.issuing));
    folder.write("device.pem", to_pem(office.device));
    folder.run("openssl ocsp -issuer issuing.pem -cert device.pem -reqout request.der");
    const auto request = StatusRequest::from_der(bytes_of(folder.read("request.der")));
    ASSERT_TRUE(request.ok()) << request.error().message;
    EXPECT_TRUE(request->has_nonce());
    EXPECT_EQ(request->size(), 1u);
    const auto judge = [&](const SerialNumber&) {
        return StatusVerdict{Status::revoked, office.now, RevocationReason::superseded};
    };
    folder.write("answer.der", text_of(*request->answer(office.signer, judge, office.valid)));
    const auto text = folder.run(
        "openssl ocsp -reqin request.der -respin answer.der -issuer issuing.pem -cert device.pem "
        "-CAfile issuing.pem -partial_chain -no_nonce");
    for (const char* words : {"Response verify OK", "device.pem: revoked", "superseded"})
        EXPECT_NE(text.find(words), text.npos) << words << "\n" << text;
    EXPECT_EQ(text.find("WARNING"), text.npos) << text;  // as for a nonce that is missing
}

TEST(Ocsp, an_answer_signed_by_somebody_else_is_not_believed) {
    StatusOffice office;
    const Bytes request = *StatusRequest::about(office.device, office.authority.issuing);
    const auto read = StatusRequest::from_der(request);
    const Signer root{office.authority.root, office.authority.root_key};
    const auto judge = [](const SerialNumber&) { return StatusVerdict{Status::good}; };
    const auto answer = read->answer(root, judge, office.valid);
    ASSERT_TRUE(answer.ok());
    EXPECT_EQ(status_in_response(*answer, office.device, office.authority.issuing).error().code,
              Errc::denied);
    EXPECT_EQ(status_in_response(status_refusal(StatusRefusal::try_later), office.device,
                                 office.authority.issuing)
                  .error()
                  .message,
              "OCSP response: it is a refusal, status 3");
}

TEST(Ocsp, what_is_no_request_is_refused_in_words) {
    StatusOffice office;
    const Certificate& issuing = office.authority.issuing;
    const Bytes good = *StatusRequest::about(office.device, issuing, Bytes(32, 7));
    ASSERT_TRUE(StatusRequest::from_der(good).ok());
    struct Row {
        const char* what;
        Bytes request;
        const char* words;
    };
    Bytes longer = good;
    longer.push_back(0);
    const Row rows[] = {
        {"nothing", {}, "can't be read"},
        {"noise", Bytes(100, 0x30), "can't be read"},
        {"something behind", longer, "follows"},
        {"too large", Bytes(5000, 0x30), "4 KiB"},
        {"no question", {0x30, 4, 0x30, 2, 0x30, 0}, "0 certificates"},
        {"a nonce of 200 bytes", *StatusRequest::about(office.device, issuing, Bytes(200, 7)),
         "nonce"},
        {"an empty sequence", {0x30, 0}, "can't be read"},
    };
    for (const Row& row : rows) {
        const auto read = StatusRequest::from_der(row.request);
        ASSERT_FALSE(read.ok()) << row.what;
        EXPECT_EQ(read.error().code, Errc::invalid_input) << row.what;
        EXPECT_NE(read.error().message.find(row.words), std::string::npos)
            << row.what << ": " << read.error().message;
    }
    for (std::size_t size = 0; size < good.size(); ++size)
        EXPECT_FALSE(StatusRequest::from_der(ByteView{good}.first(size)).ok()) << size;
}

}  // namespace
}  // namespace mw::crypto
