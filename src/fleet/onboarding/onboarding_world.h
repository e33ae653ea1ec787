#pragma once
// For this module's tests: the real store (in memory) and a real authority (in a temporary folder),
// without a network.

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>

#include "base/log.h"
#include "data/registry/registry.h"
#include "fleet/onboarding/onboarding.h"

namespace mw::onboarding {

using crypto::Certificate;
using crypto::PrivateKey;

inline constexpr nanoseconds day = hours{24};

inline PrivateKey new_key() { return *PrivateKey::generate(crypto::KeyKind::p256); }
inline crypto::Csr csr_of(const std::string& name, const PrivateKey& key,
                          crypto::AlternativeNames names = {}) {
    return *crypto::csr_from_der(*crypto::make_csr({name, std::move(names)}, key));
}

class OnboardingTest : public testing::Test {
 protected:
    OnboardingTest() {
        std::string pattern =
            (std::filesystem::temp_directory_path() / "mw-onboard-XXXXXX").string();
        folder_ = ::mkdtemp(pattern.data());
        authority_ = *identity::CertificateAuthority::open(files_, clock_, random_,
                                                           {.directory = folder_ + "/pki"});
        store_ = *registry::Registry::open(*loop_, clock_, store_metrics_, {.path = ":memory:"});
        reopen();
        create("DeviceProfile", "pump",
               R"({"device_class":"pi4","signals":[{"name":"pressure","unit":"bar"}]})");
        create("EnrollmentGroup", "line-7",
               R"({"profile":"pump","max_uses":3,"names":"gw-[0-9]+",)"
               R"("expires":"2030-01-01T00:00:00Z"})",
               {{"tier", "test"}});
    }
    ~OnboardingTest() override {
        onboarding_.reset();
        store_.reset();
        std::error_code ignored;
        std::filesystem::remove_all(folder_, ignored);
    }

    template <class T>
    Result<T> wait(Task<T> task) {
        return sync_wait(*loop_, std::move(task));
    }
    void reopen() {
        onboarding_.reset();
        metrics_ = std::make_unique<metrics::Registry>();
        onboarding_ =
            *wait(Onboarding::open(*store_, *authority_, clock_, random_, *metrics_, options_));
    }
    void create(std::string kind, std::string name, std::string_view spec,
                std::map<std::string, std::string> labels = {}) {
        Resource resource;
        resource.kind = std::move(kind), resource.name = std::move(name);
        resource.labels = std::move(labels);
        resource.spec = *parse_json(spec);
        auto created = wait(store_->create(std::move(resource), {"user:ada", "create", ""}));
        ASSERT_TRUE(created.ok()) << created.error().message;
    }
    std::string token(std::uint64_t uses = 0, std::string group = "line-7") {
        auto made = wait(onboarding_->create_token({group, uses, nanoseconds{0}, "user:ada"}));
        EXPECT_TRUE(made.ok()) << made.error().message;
        return made ? made->text : "";
    }
    Result<Certificate> enroll(const std::string& name, const PrivateKey& key,
                               const std::string& token) {
        return enroll(csr_of(name, key), name, token);
    }
    Result<Certificate> enroll(crypto::Csr csr, std::string name, std::string token) {
        return certificate_of(wait(onboarding_->enroll(
            std::move(csr), {std::move(name), std::move(token), {}, "192.0.2.7", ""},
            est::KeyMaker::device)));
    }
    // io_failed where an operator must decide first: none of the tests expects that code.
    static Result<Certificate> certificate_of(Result<est::Decision> decision) {
        if (!decision) return std::move(decision).error();
        if (!decision->certificate) return Error{Errc::io_failed, "waits for an operator"};
        return *decision->certificate;
    }
    Result<Certificate> renew(const std::string& name, const PrivateKey& key,
                              const Certificate& old) {
        return certificate_of(wait(onboarding_->reenroll(
            csr_of(name, key), {{}, {}, old.der, "192.0.2.7", ""}, est::KeyMaker::device)));
    }
    Resource device(const std::string& name) { return *wait(store_->get("Device", name)); }
    std::size_t device_count() {
        ListQuery query;
        query.kind = "Device";
        return wait(store_->list(query))->items.size();
    }
    std::uint64_t uses_left() {
        auto group = *wait(store_->get("EnrollmentGroup", "line-7"));
        return group.status.at("tokens").at(0).at("uses_left").to_number<std::uint64_t>();
    }
    std::vector<std::string> facts(std::string_view action) {
        std::vector<std::string> found;
        auto all = *wait(store_->facts(0, 1000));
        for (const auto& fact : all)
            if (fact.action == action) found.push_back(fact.actor + ": " + fact.detail);
        return found;
    }

    log::Capture log_;
    std::string folder_;
    files::RealFiles files_;
    SimulatedClock clock_;
    SeededRandom random_{1};
    metrics::Registry store_metrics_;
    std::unique_ptr<metrics::Registry> metrics_;
    std::unique_ptr<Loop> loop_ = *Loop::open({});
    Options options_;
    std::unique_ptr<identity::CertificateAuthority> authority_;
    std::unique_ptr<registry::Registry> store_;
    std::unique_ptr<Onboarding> onboarding_;
};

}  // namespace mw::onboarding
