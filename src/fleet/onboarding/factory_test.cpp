// Devices that come with their maker's certificate: the openssl program plays the maker.
#include "fleet/onboarding/factory.h"

#include "fleet/onboarding/onboarding_world.h"
#include "platform/crypto/crypto_samples.h"

namespace mw::onboarding {
namespace {

constexpr const char* new_ec = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes ";

class FactoryMaker {
 public:
    explicit FactoryMaker(const std::string& name = "Acme devices") {
        run(std::string("openssl req -x509 ") + new_ec +
            "-keyout ca.key -out ca.pem -days 3650 -subj '/CN=" + name +
            "' -addext basicConstraints=critical,CA:TRUE -addext keyUsage=keyCertSign");
    }
    std::string ca() const { return folder_.read("ca.pem"); }
    Certificate device(const std::string& subject, const std::string& extensions = "",
                       int days = 3650) {
        const std::string extension_file = folder_.write("e", extensions + "\n");
        run(std::string("openssl req -new ") + new_ec + "-keyout d.key -out d.csr -subj '" +
            subject + "'");
        run("openssl x509 -req -in d.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out d.pem "
            "-extfile e -days " +
            std::to_string(days));
        return crypto::certificates_from_pem(folder_.read("d.pem"))->front();
    }
    void run(const std::string& command) {
        const auto said = folder_.run(command);
        ASSERT_EQ(said.find("exit"), said.npos) << command << ": " << said;
    }

 private:
    crypto::samples::Folder folder_;
};

class FactoryTest : public OnboardingTest {
 protected:
    FactoryTest() {
        clock_.set_wall(RealClock().now() + hours{1});  // openssl's certificates begin now
        make_group("pumps",
                   R"([{"number":"A-1"},{"number":"A-2"},{"number":"A-3","device":"gw-3"}])",
                   R"("names":"gw-[0-9]+","max_uses":3,"renewal_grace":"4800h",)");
        a1_ = maker_.device("/O=Acme/CN=Pump controller/serialNumber=A-1");
    }
    void make_group(const std::string& name, const std::string& serials,
                    const std::string& more = "", const std::string& ca = "") {
        const Json text(ca.empty() ? maker_.ca() : ca);
        create("EnrollmentGroup", name,
               "{" + more + R"("factory":[{"name":"acme","ca":)" + to_json(text) +
                   R"(,"serials":)" + serials + "}]}");
    }
    Result<Certificate> come(const Certificate& factory, const std::string& name,
                             const PrivateKey& key, std::string label = "") {
        return certificate_of(wait(onboarding_->enroll(
            csr_of(name, key), {{}, {}, factory.der, "192.0.2.9", std::move(label)},
            est::KeyMaker::device)));
    }
    std::string refusal(const Result<Certificate>& outcome) {
        return outcome
                   ? "let in"
                   : std::string(to_string(outcome.error().code)) + ": " + outcome.error().message;
    }

    FactoryMaker maker_;
    Certificate a1_;
};

TEST_F(FactoryTest, a_listed_serial_number_enrols_without_a_token) {
    const auto key = new_key();
    const auto issued = come(a1_, "gw-1", key);
    ASSERT_TRUE(issued.ok()) << issued.error().message;
    EXPECT_TRUE(onboarding_->admission()->admit(*issued).ok());
    EXPECT_FALSE(onboarding_->admission()->admit(a1_).ok());  // it opens no other door
    const auto stored = device("gw-1");
    EXPECT_EQ(factory_of(stored.status), "acme A-1");
    EXPECT_EQ(find_string(stored.status, "group"), "pumps");
    ASSERT_EQ(facts("enroll.factory.used").size(), 1u);
    ASSERT_EQ(facts("enroll").size(), 1u);
    EXPECT_NE(facts("enroll")[0].find("made as acme A-1"), std::string::npos);
    // The answer was lost: the same key again takes no further place.
    EXPECT_TRUE(come(a1_, "gw-1", key).ok());
    const auto group = *wait(store_->get("EnrollmentGroup", "pumps"));
    EXPECT_EQ(find_integer(group.status, "enrolled"), 1);
}

TEST_F(FactoryTest, one_piece_of_hardware_is_one_device) {
    ASSERT_TRUE(come(a1_, "gw-1", new_key()).ok());
    EXPECT_EQ(refusal(come(a1_, "gw-2", new_key())),
              "conflict: 'acme A-1' is device 'gw-1' already");
    EXPECT_EQ(refusal(come(a1_, "gw-1", new_key())).substr(0, 44),
              "conflict: device 'gw-1' is enrolled already;");
    const auto a2 = maker_.device("/serialNumber=A-2");
    EXPECT_NE(refusal(come(a2, "gw-1", new_key())).find("another piece of hardware"),
              std::string::npos);
    const auto a3 = maker_.device("/serialNumber=A-3");
    EXPECT_EQ(refusal(come(a3, "gw-9", new_key())),
              "denied: 'acme A-3' is to be 'gw-3', not 'gw-9'");
    EXPECT_TRUE(come(a3, "gw-3", new_key()).ok());
    reopen();  // what it knows it reads back
    EXPECT_EQ(refusal(come(a1_, "gw-2", new_key())),
              "conflict: 'acme A-1' is device 'gw-1' already");
}

TEST_F(FactoryTest, whoever_the_maker_did_not_vouch_for_stays_out) {
    FactoryMaker other{"Other devices"}, impostor;  // the impostor's authority has the same name
    struct Row {
        const char* what;
        Certificate certificate;
        const char* says;
    };
    const Row rows[] = {
        {"an unknown maker", other.device("/serialNumber=A-1"), "is not registered with"},
        {"a maker of the same name", impostor.device("/serialNumber=A-1"), "factory certificate"},
        {"not on the list", maker_.device("/serialNumber=A-9"), "'A-9' of 'acme' is not on"},
        {"its number as a name", maker_.device("/CN=A-1"), "has no serialNumber"},
        {"for servers", maker_.device("/serialNumber=A-1", "extendedKeyUsage=serverAuth"),
         "unsuitable certificate purpose"},
        {"an authority", maker_.device("/serialNumber=A-1", "basicConstraints=CA:TRUE"),
         "is an authority's"},
        {"ended", maker_.device("/serialNumber=A-1", "", 0), "certificate has expired"},
        {"our own root", authority_->root(), "not registered"},
    };
    for (const Row& row : rows) {
        const auto outcome = come(row.certificate, "gw-1", new_key());
        ASSERT_FALSE(outcome.ok()) << row.what;
        EXPECT_EQ(outcome.error().code, Errc::denied) << row.what;
        EXPECT_NE(outcome.error().message.find(row.says), std::string::npos)
            << row.what << ": " << outcome.error().message;
    }
    EXPECT_EQ(device_count(), 0u);
    EXPECT_EQ(facts("enroll.refused").size(), std::size(rows));
    clock_.advance(-day);
    EXPECT_NE(refusal(come(a1_, "gw-1", new_key())).find("not yet valid"), std::string::npos);
}

TEST_F(FactoryTest, the_groups_own_rules_hold) {
    EXPECT_NE(refusal(come(a1_, "pump", new_key())).find("does not match"), std::string::npos);
    make_group("again", R"([{"number":"A-1"}])");
    EXPECT_NE(refusal(come(a1_, "gw-1", new_key())).find("name one in the path"),
              std::string::npos);
    EXPECT_NE(refusal(come(a1_, "gw-1", new_key(), "line-7")).find("not registered"),
              std::string::npos);
    make_group("late", R"([{"number":"A-4"}])", R"("expires":"2024-01-01T00:00:00Z",)");
    const auto a4 = maker_.device("/serialNumber=A-4");
    EXPECT_NE(refusal(come(a4, "gw-4", new_key())).find("expired at"), std::string::npos);
    make_group("asked", R"([{"number":"A-5"}])", R"("approval":"manual",)");
    const auto a5 = maker_.device("/serialNumber=A-5");
    const auto key = new_key();
    EXPECT_EQ(refusal(come(a5, "gw-5", key)), "io_failed: waits for an operator");
    ASSERT_TRUE(wait(onboarding_->decide("gw-5", true, "user:ada")).ok());
    EXPECT_TRUE(come(a5, "gw-5", key).ok());
    // Gone from the group, gone from the door.
    ASSERT_TRUE(
        wait(store_->remove("EnrollmentGroup", "again", 0, {"user:ada", "delete", ""})).ok());
    EXPECT_TRUE(come(a1_, "gw-1", new_key()).ok());
}

class LateRenewal : public FactoryTest {
 protected:
    LateRenewal() { first_ = *come(a1_, "gw-1", key_); }
    Result<Certificate> late(const Certificate& factory, const PrivateKey& key,
                             const std::string& name = "gw-1") {
        return certificate_of(wait(onboarding_->reenroll(
            csr_of(name, key), {{}, {}, factory.der, "192.0.2.9", ""}, est::KeyMaker::device)));
    }
    PrivateKey key_ = new_key();
    Certificate first_;
};

TEST_F(LateRenewal, needs_the_factory_certificate_and_the_old_key) {
    clock_.advance(91 * day);
    const auto alone = renew("gw-1", key_, first_);
    ASSERT_FALSE(alone.ok());
    EXPECT_EQ(alone.error().code, Errc::denied);
    EXPECT_NE(alone.error().message.find("show the factory certificate"), std::string::npos);
    EXPECT_NE(refusal(late(a1_, new_key())).find("must be signed by the key"), std::string::npos);
    const auto a2 = maker_.device("/serialNumber=A-2");
    EXPECT_EQ(refusal(late(a2, key_)),
              "denied: no device 'gw-1' came with this factory certificate");
    EXPECT_EQ(refusal(late(a1_, new_key(), "gw-2")),
              "denied: no device 'gw-2' came with this factory certificate");
    const auto renewed = late(a1_, key_);
    ASSERT_TRUE(renewed.ok()) << renewed.error().message;
    EXPECT_TRUE(onboarding_->admission()->admit(*renewed).ok());
    EXPECT_FALSE(onboarding_->admission()->admit(first_).ok());
    EXPECT_NE(facts("renew")[0].find("by factory certificate acme A-1"), std::string::npos);
    EXPECT_TRUE(renew("gw-1", new_key(), *renewed).ok());  // and from there on as always
}

TEST_F(LateRenewal, ends_with_the_groups_grace) {
    clock_.advance(90 * day + hours{4800} - seconds{1});
    EXPECT_TRUE(late(a1_, key_).ok());
    clock_.advance(90 * day + hours{4800} + seconds{1});
    const auto outcome = late(a1_, key_);
    ASSERT_FALSE(outcome.ok());
    EXPECT_NE(outcome.error().message.find("grace (200d) is over"), std::string::npos)
        << outcome.error().message;
}

TEST_F(LateRenewal, goes_on_from_the_certificate_that_the_device_really_has) {
    clock_.advance(50 * day);
    ASSERT_TRUE(renew("gw-1", new_key(), first_).ok());  // whose answer it never got
    clock_.advance(60 * day);
    const auto renewed = late(a1_, key_);
    ASSERT_TRUE(renewed.ok()) << renewed.error().message;
    EXPECT_TRUE(onboarding_->admission()->admit(*renewed).ok());
}

TEST_F(LateRenewal, is_refused_to_who_is_shut_out) {
    clock_.advance(91 * day);
    ASSERT_TRUE(wait(onboarding_->move_device({"gw-1", "suspend", "", "user:ada", ""})).ok());
    EXPECT_EQ(refusal(late(a1_, key_)), "denied: device 'gw-1' is suspended");
    ASSERT_TRUE(wait(onboarding_->move_device({"gw-1", "resume", "", "user:ada", ""})).ok());
    auto group = *wait(store_->get("EnrollmentGroup", "pumps"));
    group.spec.as_object()["factory"].as_array()[0].as_object()["serials"] = JsonArray{};
    ASSERT_TRUE(wait(store_->replace(group, {"user:ada", "replace", ""})).ok());
    EXPECT_NE(refusal(late(a1_, key_)).find("is not on the group's list"), std::string::npos);
}

TEST_F(LateRenewal, survives_jumps_of_the_hubs_clock) {
    clock_.set_wall(clock_.now() + 3650 * day);  // ten years ahead: everything has ended
    EXPECT_FALSE(late(a1_, key_).ok());
    EXPECT_FALSE(onboarding_->admission()->admit(first_).ok());
    clock_.set_wall(clock_.now() - 3650 * day);
    EXPECT_TRUE(onboarding_->admission()->admit(first_).ok());
    clock_.advance(100 * day);
    EXPECT_TRUE(late(a1_, key_).ok());
}

}  // namespace
}  // namespace mw::onboarding
