#include "fleet/onboarding/lifecycle.h"

#include <fstream>
#include <sstream>

#include "fleet/onboarding/onboarding_world.h"

namespace mw::onboarding {
namespace {

TEST(Lifecycle, each_state_may_do_what_the_table_says) {
    struct Row {
        const char* state;
        bool enroll, renew, connect;
    };
    for (const Row& row :
         {Row{"registered", true, false, false}, Row{"enrolled", true, true, true},
          Row{"active", true, true, true}, Row{"quarantined", false, true, false},
          Row{"suspended", false, false, false}, Row{"retired", false, false, false}}) {
        EXPECT_TRUE(device_table().knows(row.state));
        EXPECT_EQ(may(row.state, "enroll"), row.enroll) << row.state;
        EXPECT_EQ(may(row.state, "renew"), row.renew) << row.state;
        EXPECT_EQ(may(row.state, "connect"), row.connect) << row.state;
        EXPECT_EQ(may(row.state, "retire"), row.state != std::string("retired")) << row.state;
    }
    EXPECT_EQ(device_table().initial(), "registered");
    EXPECT_TRUE(device_table().is_final("retired"));
    EXPECT_TRUE(check_event("suspend").ok());
    EXPECT_EQ(check_event("enroll").error().code, Errc::invalid_input);
}

TEST(Lifecycle, stands_in_the_documents) {
    std::ifstream file(std::string(MW_SOURCE_DIR) + "/docs/formats/state-machines.md");
    std::ostringstream text;
    text << file.rdbuf();
    EXPECT_NE(text.str().find("## Device\n" + device_table().to_markdown()), std::string::npos)
        << "docs/formats/state-machines.md needs this under '## Device':\n"
        << device_table().to_markdown();
}

class DeviceLife : public OnboardingTest {
 protected:
    DeviceLife() { text_ = token(3), first_ = *enroll("gw-1", key_, text_); }
    Result<std::string> move(const char* event, std::string device = "gw-1") {
        return wait(onboarding_->move_device({std::move(device), event, "stolen", "user:ada", ""}));
    }
    std::string state() { return device_state(device("gw-1")); }

    PrivateKey key_ = new_key();
    std::string text_;
    Certificate first_;
};

TEST_F(DeviceLife, the_first_connection_makes_it_active_once) {
    EXPECT_EQ(state(), "enrolled");
    ASSERT_TRUE(wait(onboarding_->connected("gw-1")).ok());
    EXPECT_EQ(state(), "active");
    const auto revision = device("gw-1").revision;
    ASSERT_TRUE(wait(onboarding_->connected("gw-1")).ok());
    ASSERT_TRUE(wait(onboarding_->connected("nobody")).ok());
    EXPECT_EQ(device("gw-1").revision, revision);
    ASSERT_TRUE(renew("gw-1", new_key(), first_).ok());
    EXPECT_EQ(state(), "active");  // a renewal changes nothing about that
}

TEST_F(DeviceLife, a_suspended_device_may_do_nothing_until_it_is_resumed) {
    std::vector<std::string> shut_out;
    onboarding_->on_shut_out([&](const std::string& device) { shut_out.push_back(device); });
    const auto admission = onboarding_->admission();
    EXPECT_EQ(*move("suspend"), "suspended");
    EXPECT_EQ(shut_out, std::vector<std::string>{"gw-1"});
    EXPECT_EQ(admission->admit(first_).error().message, "device 'gw-1' is suspended");
    EXPECT_EQ(renew("gw-1", new_key(), first_).error().message, "device 'gw-1' is suspended");
    EXPECT_EQ(enroll("gw-1", key_, text_).error().message, "device 'gw-1' is suspended");
    EXPECT_EQ(find_string(device("gw-1").status, "reason"), "stolen");
    ASSERT_EQ(facts("device.suspend").size(), 1u);
    EXPECT_EQ(facts("device.suspend")[0], "user:ada: stolen");
    reopen();
    EXPECT_FALSE(onboarding_->admission()->admit(first_).ok());
    EXPECT_EQ(*move("resume"), "enrolled");
    EXPECT_TRUE(onboarding_->admission()->admit(first_).ok());
    EXPECT_EQ(shut_out.size(), 1u);
}

TEST_F(DeviceLife, a_quarantined_device_renews_and_does_not_connect) {
    EXPECT_EQ(*move("quarantine"), "quarantined");
    EXPECT_FALSE(onboarding_->admission()->admit(first_).ok());
    const auto next = new_key();
    const auto renewed = renew("gw-1", next, first_);
    ASSERT_TRUE(renewed.ok()) << renewed.error().message;
    EXPECT_EQ(state(), "quarantined");
    EXPECT_FALSE(onboarding_->admission()->admit(*renewed).ok());
    EXPECT_EQ(*move("release"), "enrolled");
    EXPECT_TRUE(onboarding_->admission()->admit(*renewed).ok());
}

TEST_F(DeviceLife, retirement_is_for_good) {
    EXPECT_EQ(*move("retire"), "retired");
    EXPECT_FALSE(onboarding_->admission()->admit(first_).ok());
    EXPECT_EQ(move("resume").error().code, Errc::conflict);
    EXPECT_EQ(enroll("gw-1", new_key(), text_).error().code, Errc::denied);
    EXPECT_EQ(move("enroll").error().code, Errc::invalid_input);
    EXPECT_EQ(move("suspend", "nobody").error().code, Errc::not_found);
}

TEST_F(DeviceLife, a_readmitted_device_enrols_anew_in_its_group) {
    create("EnrollmentGroup", "other", "{}");
    const auto fresh = new_key();
    EXPECT_EQ(enroll("gw-1", fresh, text_).error().code, Errc::conflict);
    EXPECT_EQ(*move("readmit"), "registered");
    EXPECT_FALSE(onboarding_->admission()->admit(first_).ok());
    EXPECT_FALSE(renew("gw-1", new_key(), first_).ok());
    EXPECT_EQ(enroll("gw-1", fresh, token(0, "other")).error().message,
              "device 'gw-1' belongs to group 'line-7'; millwright device transfer");
    const auto again = enroll("gw-1", fresh, text_);
    ASSERT_TRUE(again.ok()) << again.error().message;
    EXPECT_TRUE(onboarding_->admission()->admit(*again).ok());
    EXPECT_EQ(state(), "enrolled");
}

TEST_F(DeviceLife, a_new_owner_gets_the_device_and_nothing_else) {
    create("Site", "harbour", "{}");
    create("EnrollmentGroup", "buyer", R"({"site":"harbour"})", {{"owner", "buyer"}});
    std::vector<std::string> shut_out;
    onboarding_->on_shut_out([&](const std::string& device) { shut_out.push_back(device); });
    const auto transfer = [&](std::string to) {
        return wait(
            onboarding_->move_device({"gw-1", "transfer", "sold", "user:ada", std::move(to)}));
    };
    EXPECT_EQ(transfer("nobody").error().code, Errc::not_found);
    EXPECT_TRUE(onboarding_->admission()->admit(first_).ok());  // nothing has happened
    EXPECT_EQ(*transfer("buyer"), "registered");
    EXPECT_EQ(shut_out, std::vector<std::string>{"gw-1"});
    const auto sold = device("gw-1");
    EXPECT_EQ(sold.labels,
              (std::map<std::string, std::string>{{"owner", "buyer"}, {"site", "harbour"}}));
    EXPECT_EQ(find_string(sold.spec, "profile"), "pump");  // it is what it was
    EXPECT_EQ(*transfer("buyer"), "registered");           // cut short, and said again
    EXPECT_EQ(enroll("gw-1", new_key(), text_).error().code, Errc::denied);  // the old owner's
    EXPECT_TRUE(enroll("gw-1", new_key(), token(0, "buyer")).ok());
    EXPECT_EQ(facts("device.transfer").front(), "user:ada: buyer: sold");
}

TEST_F(DeviceLife, a_broken_device_is_replaced_under_the_same_asset) {
    create("Asset", "pump-9", "{}");
    auto broken = device("gw-1");
    broken.spec.as_object()["asset"] = "pump-9";
    ASSERT_TRUE(wait(store_->replace(broken, {"user:ada", "replace", ""})).ok());
    const auto replace = [&](std::string by) {
        return wait(
            onboarding_->move_device({"gw-1", "replace", "burnt", "user:ada", std::move(by)}));
    };
    EXPECT_EQ(replace("gw-1").error().code, Errc::invalid_input);
    EXPECT_EQ(*replace("gw-2"), "retired");
    EXPECT_FALSE(onboarding_->admission()->admit(first_).ok());
    EXPECT_EQ(find_string(device("gw-1").status, "replaced_by"), "gw-2");
    const auto fresh = device("gw-2");
    EXPECT_EQ(find_string(fresh.spec, "asset"), "pump-9");
    EXPECT_EQ(find_string(fresh.status, "replaces"), "gw-1");
    EXPECT_EQ(fresh.labels, broken.labels);
    EXPECT_EQ(device_state(fresh), "registered");
    const auto issued = enroll("gw-2", new_key(), text_);
    ASSERT_TRUE(issued.ok()) << issued.error().message;
    EXPECT_EQ(find_string(device("gw-2").spec, "asset"), "pump-9");
}

TEST_F(DeviceLife, a_device_that_is_there_already_takes_anothers_place) {
    ASSERT_TRUE(enroll("gw-2", new_key(), text_).ok());
    ASSERT_TRUE(wait(onboarding_->move_device({"gw-2", "suspend", "", "user:ada", ""})).ok());
    const auto replace = [&] {
        return wait(onboarding_->move_device({"gw-1", "replace", "", "user:ada", "gw-2"}));
    };
    EXPECT_EQ(replace().error().message,
              "device 'gw-2' is suspended and can't take another's place");
    EXPECT_EQ(state(), "enrolled");
    ASSERT_TRUE(wait(onboarding_->move_device({"gw-2", "resume", "", "user:ada", ""})).ok());
    EXPECT_EQ(*replace(), "retired");
    EXPECT_EQ(device_state(device("gw-2")), "enrolled");  // and keeps its certificate
}

}  // namespace
}  // namespace mw::onboarding
