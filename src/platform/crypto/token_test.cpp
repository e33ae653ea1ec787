// Keys in a token, with Debian's SoftHSM (tools/deps --tests); skipped where it is not installed.
#include "platform/crypto/token.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "platform/crypto/crypto_samples.h"

namespace mw::crypto {
namespace {

constexpr const char* softhsm = "/usr/lib/softhsm/libsofthsm2.so";

TEST(TokenUri, names_a_key_and_nothing_else) {
    struct Row {
        const char* text;
        const char* wrong;  // nullptr: right
    };
    const Row rows[] = {
        {"pkcs11:token=plant;object=issuing;type=private", nullptr},
        {"pkcs11:object=issuing", nullptr},
        {"pkcs11:id=%01%ff;slot-id=3\n", nullptr},
        {"pkcs11:manufacturer=SoftHSM%20project;model=v2;serial=1;id=a", nullptr},
        {"", "doesn't begin"},
        {"file:/etc/key", "doesn't begin"},
        {"pkcs11:token=plant", "neither object nor id"},
        {"pkcs11:object", "no '='"},
        {"pkcs11:object=a;object=b", "twice"},
        {"pkcs11:object=a;type=cert", "only a private key"},
        {"pkcs11:object=a;slot-id=x", "no number"},
        {"pkcs11:object=%g1", "two hexadecimal"},
        {"pkcs11:object=%1", "two hexadecimal"},
        {"pkcs11:object=a;colour=red", "not known"},
        {"pkcs11:object=a?pin-value=1234", "authority.token_pin_file"},
    };
    for (const Row& row : rows) {
        const auto uri = token_uri_from(row.text);
        EXPECT_EQ(uri.ok(), row.wrong == nullptr) << row.text;
        if (!uri && row.wrong) {
            EXPECT_NE(uri.error().message.find(row.wrong), std::string::npos)
                << row.text << ": " << uri.error().message;
        }
        const std::string said = uri ? "" : uri.error().message;
        EXPECT_EQ(said.find("1234"), std::string::npos);
    }
    const auto full = token_uri_from("pkcs11:token=a%20b;object=c%3bd;id=%00%ff");
    ASSERT_TRUE(full.ok());
    EXPECT_EQ(full->token, "a b");
    EXPECT_EQ(full->object, "c;d");
    EXPECT_EQ(full->id, (Bytes{0, 0xff}));
}

int run(const std::string& line) { return std::system((line + " >/dev/null 2>&1").c_str()); }

// One configuration for the process: the module reads it once.
class SoftToken : public ::testing::Test {
 protected:
    void SetUp() override {
        if (!std::filesystem::exists(softhsm) || run("softhsm2-util --version") != 0)
            GTEST_SKIP() << "softhsm2 is not installed";
        if (std::getenv("MILLWRIGHT_EMULATED"))
            GTEST_SKIP() << "softhsm2 is the machine's own, not that of the emulated processor";
        std::filesystem::create_directories(tokens_);
        folder_.write("softhsm.conf",
                      "directories.tokendir = " + tokens_ + "\nobjectstore.backend = file\n");
        ::setenv("SOFTHSM2_CONF", (folder_.path() + "/softhsm.conf").c_str(), 1);
        ASSERT_EQ(run("softhsm2-util --init-token --free --label plant --pin 4711 --so-pin 9876"),
                  0);
    }
    void TearDown() override { token_.reset(); }

    PrivateKey import(const std::string& label, KeyKind kind) {
        const auto key = *PrivateKey::generate(kind);
        folder_.write(label + ".pem", key.to_pem());
        EXPECT_EQ(run("softhsm2-util --token plant --pin 4711 --label " + label + " --id " +
                      (label == "rsa"  ? "0a"
                       : label == "ec" ? "0b"
                                       : "0c") +
                      " --import " + folder_.path() + "/" + label + ".pem"),
                  0);
        return key;
    }

    std::string pin_ = "4711";
    int asked_ = 0;  // for the PIN
    samples::Folder folder_;
    std::string tokens_ = folder_.path() + "/tokens";
    SimulatedClock clock_;
    std::shared_ptr<Token> token_ = Token::make({softhsm,
                                                 [this]() -> Result<std::string> {
                                                     ++asked_;
                                                     return pin_;
                                                 }},
                                                clock_);
};

TEST_F(SoftToken, a_key_of_every_kind_signs_what_its_public_key_verifies) {
    for (const auto& [label, kind] :
         {std::pair{"ec", KeyKind::p256}, {"big", KeyKind::p384}, {"rsa", KeyKind::rsa}}) {
        const auto imported = import(label, kind);
        const auto found = token_->find(std::string("pkcs11:token=plant;object=") + label);
        ASSERT_TRUE(found.ok()) << label << ": " << found.error().message;
        EXPECT_EQ(found->public_key().spki(), imported.public_key().spki()) << label;
        EXPECT_TRUE(found->is_elsewhere());
        const auto signature = found->sign(bytes_of("hello"));
        ASSERT_TRUE(signature.ok()) << label << ": " << signature.error().message;
        EXPECT_TRUE(imported.public_key().verify(bytes_of("hello"), *signature)) << label;
        EXPECT_FALSE(imported.public_key().verify(bytes_of("hullo"), *signature)) << label;
    }
    EXPECT_EQ(token_->health().signatures, 3u);
    EXPECT_EQ(asked_, 1) << "one session for all keys of a token";
}

TEST_F(SoftToken, certificates_lists_and_answers_are_signed_inside_of_it) {
    import("ec", KeyKind::p256);
    const auto key = *token_->find("pkcs11:object=ec;token=plant");
    SeededRandom random{7};
    const Timestamp now = RealClock{}.now();
    CertificateOrder order{Profile::root_ca, "Token root", {}, now, now + hours{24}};
    const auto root = self_sign(order, key, random);
    ASSERT_TRUE(root.ok()) << root.error().message;
    const auto device_key = *PrivateKey::generate(KeyKind::p256);
    order.profile = Profile::device, order.subject_cn = "gw-1";
    const auto device = *issue(order, device_key.public_key().spki(), {*root, key}, random);
    EXPECT_TRUE(is_signed_by(device, key.public_key()));
    EXPECT_TRUE(TrustStore::make({&*root, 1})->verify(device, now).ok());

    ListOrder list{1, {}, now, now + hours{1}};
    const auto der = make_revocation_list(list, {*root, key});
    ASSERT_TRUE(der.ok()) << der.error().message;
    EXPECT_TRUE(revocation_list_from_der(*der, *root).ok());
    const auto request = *StatusRequest::from_der(*StatusRequest::about(device, *root));
    const auto answer = request.answer(
        {*root, key},
        [](const SerialNumber&) { return StatusVerdict{StatusVerdict::Status::good}; },
        {now, now + hours{1}});
    ASSERT_TRUE(answer.ok()) << answer.error().message;
    const auto verdict = status_in_response(*answer, device, *root);
    ASSERT_TRUE(verdict.ok()) << verdict.error().message;
    EXPECT_EQ(verdict->status, StatusVerdict::Status::good);
}

TEST_F(SoftToken, that_goes_away_says_so_and_signs_again_when_it_is_back) {
    import("ec", KeyKind::p256);
    const auto key = *token_->find("pkcs11:token=plant;object=ec");
    ASSERT_TRUE(key.sign(bytes_of("a")).ok());
    std::filesystem::rename(tokens_, tokens_ + ".away");
    std::filesystem::create_directories(tokens_);
    const auto lost = key.sign(bytes_of("b"));
    ASSERT_FALSE(lost.ok());
    EXPECT_NE(lost.error().message.find("'plant'"), std::string::npos) << lost.error().message;
    EXPECT_FALSE(token_->health().reachable);
    EXPECT_EQ(token_->health().failures, 1u);
    std::filesystem::remove_all(tokens_);
    std::filesystem::rename(tokens_ + ".away", tokens_);
    // Not before the pause is over: a dead token must not hold up who asks on and on.
    EXPECT_FALSE(key.sign(bytes_of("c")).ok());
    EXPECT_EQ(token_->health().failures, 1u);
    clock_.advance(seconds{1});
    const auto back = key.sign(bytes_of("d"));
    ASSERT_TRUE(back.ok()) << back.error().message;
    EXPECT_TRUE(token_->health().reachable);
}

TEST_F(SoftToken, a_wrong_pin_is_tried_once_and_a_mended_one_is_taken) {
    import("ec", KeyKind::p256);
    pin_ = "0000";
    for (int i = 0; i < 5; ++i) {
        const auto refused = token_->find("pkcs11:token=plant;object=ec");
        ASSERT_FALSE(refused.ok());
        EXPECT_EQ(refused.error().message.find("0000"), std::string::npos);
        EXPECT_NE(refused.error().message.find("refused this PIN"), std::string::npos)
            << refused.error().message;
        clock_.advance(seconds{2});
    }
    pin_ = "4711";
    EXPECT_TRUE(token_->find("pkcs11:token=plant;object=ec").ok());
}

TEST_F(SoftToken, what_is_not_there_is_told_apart) {
    const auto imported = import("ec", KeyKind::p256);
    struct Row {
        const char* uri;
        const char* says;
    };
    for (const Row& row : {Row{"pkcs11:token=plant;object=other", "no private key 'other'"},
                           Row{"pkcs11:token=elsewhere;object=ec", "none called 'elsewhere'"}}) {
        const auto found = token_->find(row.uri);
        ASSERT_FALSE(found.ok());
        EXPECT_NE(found.error().message.find(row.says), std::string::npos) << found.error().message;
        clock_.advance(seconds{2});
    }
    // Another key than the certificate's signs nothing that counts.
    const auto other = PrivateKey::generate(KeyKind::p256)->public_key();
    const auto signature =
        token_->expect("pkcs11:token=plant;object=ec", other)->sign(bytes_of("a"));
    ASSERT_FALSE(signature.ok());
    EXPECT_EQ(signature.error().code, Errc::corrupt);
    const auto none = Token::make({"/nowhere/module.so", {}}, clock_)->find("pkcs11:object=ec");
    ASSERT_FALSE(none.ok());
    EXPECT_NE(none.error().message.find("/nowhere/module.so"), std::string::npos);
    EXPECT_EQ(none.error().code, Errc::io_failed);
}

}  // namespace
}  // namespace mw::crypto
