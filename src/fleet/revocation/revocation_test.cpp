#include "fleet/revocation/revocation.h"

#include <gtest/gtest.h>

#include "base/log.h"
#include "data/registry/registry.h"

namespace mw::revocation {
namespace {

using crypto::RevocationReason;
using Status = crypto::StatusVerdict::Status;
constexpr nanoseconds day = hours{24};

class RevocationTest : public testing::Test {
 protected:
    RevocationTest() {
        store_ = *registry::Registry::open(*loop_, clock_, store_metrics_, {.path = ":memory:"});
        open();
    }
    ~RevocationTest() override { desk_.reset(), store_.reset(); }

    void open() {
        desk_.reset(), authority_.reset();
        authority_ = *identity::CertificateAuthority::open(files_, clock_, random_,
                                                           {.directory = folder_.path() + "/pki"});
        ASSERT_TRUE(authority_->load_keys().ok());
        auto opening = Desk::open(
            {*loop_, workers_, files_, clock_, *store_, *authority_, metrics_}, options_);
        auto opened = wait(std::move(opening));
        ASSERT_TRUE(opened.ok()) << opened.error().message;
        desk_ = *std::move(opened);
        desk_->end_sessions_by([this]() -> Task<std::size_t> {
            ++ended_;
            co_return std::size_t{2};
        });
    }
    template <class T>
    Result<T> wait(Task<T> task) {
        return sync_wait(*loop_, std::move(task));
    }
    crypto::Certificate issue(const std::string& device) {
        const auto key = *crypto::PrivateKey::generate(crypto::KeyKind::p256);
        return *authority_->issue_device(device, key.public_key().spki());
    }
    Result<Desk::Outcome> revoke(std::string serial, std::string subject = "",
                                 RevocationReason reason = RevocationReason::key_compromise) {
        return wait(
            desk_->revoke({std::move(serial), std::move(subject), reason, "stolen", "user:ada"}));
    }
    crypto::RevocationList full() {
        return *crypto::revocation_list_from_der(desk_->lists()->full, authority_->issuing());
    }
    crypto::RevocationList delta() {
        return *crypto::revocation_list_from_der(desk_->lists()->delta, authority_->issuing());
    }
    Status status_of(const crypto::Certificate& certificate) {
        const Bytes request = *crypto::StatusRequest::about(certificate, authority_->issuing());
        const auto answer = desk_->answer(request);
        EXPECT_TRUE(answer.ok()) << answer.error().message;
        const auto read = crypto::status_in_response(*answer, certificate, authority_->issuing());
        EXPECT_TRUE(read.ok()) << read.error().message;
        return read ? read->status : Status::unknown;
    }
    std::vector<std::string> facts() {
        std::vector<std::string> found;
        const auto all = *wait(store_->facts(0, 1000));
        for (const auto& fact : all)
            if (fact.action == "certificate.revoked")
                found.push_back(fact.actor + ": " + fact.detail);
        return found;
    }

    log::Capture log_;
    files::RealFiles files_;
    files::TemporaryDirectory folder_ = *files::TemporaryDirectory::make();
    SimulatedClock clock_;
    SeededRandom random_{1};
    metrics::Registry store_metrics_, metrics_;
    std::unique_ptr<Loop> loop_ = *Loop::open({});
    Workers workers_;
    Options options_;
    std::unique_ptr<identity::CertificateAuthority> authority_;
    std::unique_ptr<registry::Registry> store_;
    std::unique_ptr<Desk> desk_;
    int ended_ = 0;
};

TEST_F(RevocationTest, one_certificate_is_out_everywhere_and_leaves_a_fact) {
    const auto lost = issue("gw-1"), kept = issue("gw-2");
    EXPECT_EQ(status_of(lost), Status::good);
    const auto outcome = revoke(lost.serial);
    ASSERT_TRUE(outcome.ok()) << outcome.error().message;
    EXPECT_EQ(outcome->sessions_ended, 2u);
    EXPECT_EQ(ended_, 1);
    EXPECT_TRUE(authority_->peers().is_revoked(lost.der));
    EXPECT_FALSE(authority_->peers().is_revoked(kept.der));
    EXPECT_EQ(authority_->peers().principal(lost, clock_.now()).error().code, Errc::denied);
    EXPECT_EQ(status_of(lost), Status::revoked);
    EXPECT_EQ(status_of(kept), Status::good);
    ASSERT_EQ(full().serials.size(), 1u);
    EXPECT_EQ(full().serials[0], *crypto::serial_number_of(lost.serial));
    EXPECT_EQ(facts(), std::vector<std::string>{"user:ada: device:gw-1, serial " + lost.serial +
                                                ", key-compromise: stolen"});
}

TEST_F(RevocationTest, all_certificates_of_a_device_go_and_those_of_others_stay) {
    const auto first = issue("gw-1"), second = issue("gw-1"), other = issue("gw-11");
    const auto outcome = revoke("", "device:gw-1");
    ASSERT_TRUE(outcome.ok()) << outcome.error().message;
    EXPECT_EQ(outcome->revoked.size(), 2u);
    EXPECT_EQ(status_of(first), Status::revoked);
    EXPECT_EQ(status_of(second), Status::revoked);
    EXPECT_EQ(status_of(other), Status::good);
    EXPECT_EQ(ended_, 1);
    EXPECT_EQ(revoke("", "device:gw-1").error().code, Errc::not_found);
}

TEST_F(RevocationTest, what_can_not_be_revoked_is_said) {
    const auto device = issue("gw-1");
    ASSERT_TRUE(revoke(device.serial).ok());
    struct Row {
        std::string serial, subject;
        Errc code;
        const char* words;
    };
    const auto over = issue("gw-2");
    clock_.advance(day * 100);
    const Row rows[] = {
        {device.serial, "", Errc::conflict, "already"},
        {over.serial, "", Errc::conflict, "it ended at"},
        {"4242", "", Errc::not_found, "issued no certificate"},
        {"", "device:nobody", Errc::not_found, "no certificate that is in date"},
        {"", "device:gw-2", Errc::not_found, "no certificate that is in date"},
        {"", "", Errc::invalid_input, "want a serial number or a subject"},
        {device.serial, "device:gw-1", Errc::invalid_input, "want a serial number or a subject"},
    };
    for (const Row& row : rows) {
        const auto outcome = revoke(row.serial, row.subject);
        ASSERT_FALSE(outcome.ok()) << row.words;
        EXPECT_EQ(outcome.error().code, row.code) << outcome.error().message;
        EXPECT_NE(outcome.error().message.find(row.words), std::string::npos)
            << outcome.error().message;
    }
    EXPECT_EQ(facts().size(), 1u);
}

TEST_F(RevocationTest, a_restart_forgets_nothing_and_numbers_go_on) {
    const auto lost = issue("gw-1"), kept = issue("gw-2");
    ASSERT_TRUE(revoke(lost.serial, "", RevocationReason::superseded).ok());
    const auto before = desk_->lists()->number;
    open();
    EXPECT_EQ(status_of(lost), Status::revoked);
    EXPECT_EQ(status_of(kept), Status::good);
    EXPECT_GT(desk_->lists()->number, before);
    EXPECT_TRUE(authority_->peers().is_revoked(lost.der));
    ASSERT_NE(authority_->book().find(lost.serial), nullptr);
    EXPECT_EQ(authority_->book().find(lost.serial)->why, "stolen");
}

// Also when the clock was set back.
TEST_F(RevocationTest, numbers_never_go_back) {
    std::uint64_t last = desk_->lists()->number;
    for (const auto& each : {issue("gw-1"), issue("gw-2"), issue("gw-3")}) {
        ASSERT_TRUE(revoke(each.serial).ok());
        EXPECT_GT(desk_->lists()->number, last);
        EXPECT_EQ(full().number, desk_->lists()->number);
        last = desk_->lists()->number;
        clock_.set_wall(clock_.now() - day);
    }
}

TEST_F(RevocationTest, a_delta_adds_what_the_list_that_it_names_had_not) {
    const auto first = issue("gw-1"), second = issue("gw-2"), third = issue("gw-3");
    const auto opened = full().number;
    EXPECT_EQ(delta().delta_of, opened);
    EXPECT_TRUE(delta().serials.empty());
    ASSERT_TRUE(revoke(first.serial).ok());
    ASSERT_TRUE(revoke(second.serial).ok());
    EXPECT_EQ(delta().delta_of, opened);
    EXPECT_EQ(delta().serials.size(), 2u);
    EXPECT_EQ(delta().number, full().number);
    // Once no list that old is in date, deltas start from a later one.
    clock_.advance(day * 4);
    ASSERT_TRUE(wait(desk_->renew()).ok());
    const auto fourth_day = full().number;
    clock_.advance(day * 8);
    ASSERT_TRUE(revoke(third.serial).ok());
    EXPECT_EQ(delta().delta_of, fourth_day);
    ASSERT_EQ(delta().serials.size(), 1u);
    EXPECT_EQ(delta().serials[0], *crypto::serial_number_of(third.serial));
    EXPECT_EQ(full().serials.size(), 3u);
}

TEST_F(RevocationTest, what_has_been_over_for_long_leaves_the_list) {
    const auto lost = issue("gw-1");
    ASSERT_TRUE(revoke(lost.serial).ok());
    clock_.advance(day * 91);  // over, and still on it once (RFC 5280 3.3)
    ASSERT_TRUE(wait(desk_->renew()).ok());
    EXPECT_EQ(full().serials.size(), 1u);
    clock_.advance(day * 14);
    ASSERT_TRUE(wait(desk_->renew()).ok());
    EXPECT_TRUE(full().serials.empty());
}

TEST_F(RevocationTest, a_stranger_is_unknown_and_our_own_server_is_good) {
    const auto server = authority_->server();
    EXPECT_EQ(status_of(server), Status::good);
    const auto verdict =
        crypto::status_in_response(*desk_->staple(), server, authority_->issuing());
    ASSERT_TRUE(verdict.ok()) << verdict.error().message;
    EXPECT_EQ(verdict->status, Status::good);
    // Signed by the same key and never written down: a key that leaked, or a lost log.
    const auto by = authority_->signing();
    const auto key = *crypto::PrivateKey::generate(crypto::KeyKind::p256);
    const auto forged = *crypto::issue(
        {crypto::Profile::device, "gw-9", {}, clock_.now() - day, clock_.now() + day},
        key.public_key().spki(), {by.certificate, by.key}, random_);
    EXPECT_EQ(status_of(forged), Status::unknown);
}

// What the one before issued goes on being told, by its own key, until the last of it has ended.
TEST_F(RevocationTest, an_authority_that_was_rolled_over_keeps_its_lists) {
    const auto before = issue("gw-1"), kept = issue("gw-2"), later = issue("gw-3");
    const auto former = authority_->issuing();
    ASSERT_TRUE(revoke(before.serial).ok());
    clock_.advance(day * 2900);
    ASSERT_TRUE(*authority_->renew_issuing_if_due());
    ASSERT_TRUE(wait(desk_->renew()).ok());
    const auto long_lived = *authority_->issue_device(
        "gw-4", crypto::PrivateKey::generate(crypto::KeyKind::p256)->public_key().spki(), day);
    EXPECT_EQ(desk_->lists()->issuer, authority_->issuing().der);
    const auto of = [&](const crypto::Certificate& by) {
        const auto lists = desk_->lists_by(by.serial);
        EXPECT_NE(lists, nullptr);
        return *crypto::revocation_list_from_der(lists->full, by);
    };
    EXPECT_TRUE(of(former).serials.empty()) << "it ended long ago";
    EXPECT_EQ(desk_->lists_by("4711"), nullptr);
    // A line of issued.jsonl names its authority: the old one's are on the old one's list.
    ASSERT_TRUE(revoke(long_lived.serial).ok());
    EXPECT_EQ(of(authority_->issuing()).serials.size(), 1u);
    EXPECT_TRUE(of(former).serials.empty());
    EXPECT_EQ(of(former).number, of(authority_->issuing()).number);
    // OCSP about its certificates is signed by it.
    const auto request = *crypto::StatusRequest::about(later, former);
    const auto answer = desk_->answer(request);
    ASSERT_TRUE(answer.ok()) << answer.error().message;
    const auto verdict = crypto::status_in_response(*answer, later, former);
    ASSERT_TRUE(verdict.ok()) << verdict.error().message;
    EXPECT_EQ(verdict->status, Status::good);
}

TEST_F(RevocationTest, after_a_rollover_the_old_ones_certificates_are_revoked_on_its_list) {
    const auto former = authority_->issuing();
    clock_.advance(day * 2840);
    const auto lost = issue("gw-1");
    clock_.advance(day * 11);
    ASSERT_TRUE(*authority_->renew_issuing_if_due());
    ASSERT_TRUE(wait(desk_->renew()).ok());
    ASSERT_TRUE(revoke(lost.serial).ok());
    const auto list =
        *crypto::revocation_list_from_der(desk_->lists_by(former.serial)->full, former);
    ASSERT_EQ(list.serials.size(), 1u);
    EXPECT_EQ(list.serials[0], *crypto::serial_number_of(lost.serial));
    EXPECT_TRUE(full().serials.empty()) << "the new authority didn't sign it";
    const auto delta =
        *crypto::revocation_list_from_der(desk_->lists_by(former.serial)->delta, former);
    EXPECT_EQ(delta.serials.size(), 1u);
    const auto request = *crypto::StatusRequest::about(lost, former);
    const auto verdict = crypto::status_in_response(*desk_->answer(request), lost, former);
    ASSERT_TRUE(verdict.ok()) << verdict.error().message;
    EXPECT_EQ(verdict->status, Status::revoked);
    // Also after a restart.
    open();
    EXPECT_EQ(crypto::revocation_list_from_der(desk_->lists_by(former.serial)->full, former)
                  ->serials.size(),
              1u);
}

TEST_F(RevocationTest, who_asks_too_much_is_told_to_try_later) {
    options_.answers_per_second = 2;
    open();
    const auto device = issue("gw-1");
    const Bytes request = *crypto::StatusRequest::about(device, authority_->issuing());
    EXPECT_TRUE(desk_->answer(request).ok());
    EXPECT_TRUE(desk_->answer(request).ok());
    EXPECT_EQ(desk_->answer(request).error().code, Errc::overloaded);
    EXPECT_EQ(desk_->answer(bytes_of("hello")).error().code, Errc::invalid_input);
    clock_.advance(seconds{1});
    EXPECT_TRUE(desk_->answer(request).ok());
}

TEST_F(RevocationTest, certificates_are_listed_newest_first_by_subject_and_standing) {
    const auto first = issue("gw-1"), second = issue("gw-1"), other = issue("gw-2");
    ASSERT_TRUE(revoke(first.serial).ok());
    const auto serials = [&](Question question) {
        std::vector<std::string> all;
        const auto found = *wait(desk_->certificates(std::move(question)));
        for (const auto& each : found) all.push_back(each.certificate.serial);
        return all;
    };
    using Serials = std::vector<std::string>;
    EXPECT_EQ(serials({}), (Serials{other.serial, second.serial, first.serial}));
    EXPECT_EQ(serials({"", "device:gw-1", {}, 100}), (Serials{second.serial, first.serial}));
    EXPECT_EQ(serials({"", "", Standing::revoked, 100}), Serials{first.serial});
    EXPECT_EQ(serials({"", "", Standing::good, 1}), Serials{other.serial});
    EXPECT_EQ(serials({second.serial, "", {}, 100}), Serials{second.serial});
    clock_.advance(day * 100);
    EXPECT_EQ(serials({"", "", Standing::expired, 100}), (Serials{other.serial, second.serial}));
    const auto listed = *wait(desk_->certificates({first.serial, "", {}, 1}));
    ASSERT_EQ(listed.size(), 1u);
    ASSERT_TRUE(listed[0].revocation.has_value());
    EXPECT_EQ(listed[0].revocation->actor, "user:ada");
}

// A disk that fails: nobody is told that it is done, and nothing has changed.
TEST_F(RevocationTest, what_can_not_be_written_down_does_not_count) {
    const auto device = issue("gw-1");
    auto faulty = *files::FaultyFiles::open(folder_.path(), 1);
    auto authority = *identity::CertificateAuthority::open(*faulty, clock_, random_,
                                                           {.directory = folder_.path() + "/pki"});
    auto opening =
        Desk::open({*loop_, workers_, *faulty, clock_, *store_, *authority, metrics_}, options_);
    const auto desk = wait(std::move(opening));
    ASSERT_TRUE(desk.ok());
    faulty->fail(files::Call::sync, 1, files::Fault::io_error);
    const auto outcome =
        wait((*desk)->revoke({device.serial, "", RevocationReason::superseded, "", "user:ada"}));
    ASSERT_FALSE(outcome.ok());
    EXPECT_FALSE(authority->peers().is_revoked(device.der));
    EXPECT_TRUE(facts().empty());
}

}  // namespace
}  // namespace mw::revocation
