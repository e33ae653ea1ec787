#include "fleet/convergence/desired.h"

#include <gtest/gtest.h>

#include "base/log.h"
#include "data/registry/registry.h"
#include "fleet/convergence/convergence.h"
#include "platform/files/files.h"

namespace mw::convergence {
namespace {

// A hub's authority and release key, and a real store in memory.
class Published : public testing::Test, public DesiredSink {
 protected:
    Published() {
        identity::AuthorityOptions options;
        options.directory = folder_.path() + "/pki";
        ca_ = *identity::CertificateAuthority::open(files_, clock_, random_, options);
        key_ = *identity::SigningKey::open(files_, clock_, *ca_, options.directory, "release");
        trust_ = *crypto::TrustStore::make({&ca_->root(), 1});
        registry::Options store;
        store.path = ":memory:";
        store_ = *registry::Registry::open(*loop_, clock_, metrics_, std::move(store));
    }
    ~Published() override { stop(); }

    void start() {
        Options options;
        options.size_of = [](std::string) { return size_seven(); };
        convergence_ = std::make_unique<Convergence>(*loop_, *store_, *this, *key_, options);
        ASSERT_TRUE(sync_wait(*loop_, convergence_->start()).ok());
        settle();
    }
    void stop() {
        if (convergence_) ignore(sync_wait(*loop_, convergence_->stop()), "the test is over");
        convergence_.reset();
    }
    static Task<std::uint64_t> size_seven() { co_return std::uint64_t{7}; }
    void publish(const std::string& device, std::string document) override {
        documents_[device] = document.empty() ? Json{} : *parse_json(document);
        ++published_;
    }
    // Writes are done in their order, so each round ends what the round before asked for: a report
    // asks for a status, that for a statement, that for a document, that for a status.
    void settle() {
        for (int round = 0; round < 8; ++round)
            ASSERT_TRUE(sync_wait(*loop_, store_->note({"test", "barrier", ""})).ok());
    }
    void put(const char* kind, const std::string& name, const char* spec) {
        Resource r;
        r.kind = kind;
        r.name = name;
        r.spec = *parse_json(spec);
        auto stored = sync_wait(*loop_, store_->get(kind, name));
        auto done = stored ? sync_wait(*loop_, store_->replace(r, {"test", "replace", ""}))
                           : sync_wait(*loop_, store_->create(r, {"test", "create", ""}));
        ASSERT_TRUE(done.ok()) << done.error().message;
        settle();
    }
    void models_of(const std::string& device, const std::string& models) {
        put("Device", device, (R"({"models":)" + models + "}").c_str());
    }
    void report(const std::string& device, const char* reported) {
        convergence_->on_reported(device, *parse_json(reported));
        settle();
    }
    std::uint64_t counter(const std::string& device, const char* entry) {
        const Json* models = find(documents_[device], "models");
        const Json* found = models ? models->as_object().if_contains(entry) : nullptr;
        if (!found) return 0;
        const auto release = identity::verify_release(
            {*find_string(*found, "release"), *find_string(*found, "signature"),
             *find_string(*found, "certificate")},
            trust_, clock_.now());
        EXPECT_TRUE(release.ok()) << release.error().message;
        EXPECT_EQ(release->sha256, find_string(*found, "hash"));
        return release ? release->counter : 0;
    }
    Resource stored(const char* kind, const std::string& name) {
        return *sync_wait(*loop_, store_->get(kind, name));
    }
    void two_versions() {
        put("Model", "pump", "{}");
        put("ModelVersion", "pump--1",
            (R"({"model":"pump","version":"1","size":9,"bundle":")" + std::string(64, 'a') + "\"}")
                .c_str());
        put("ModelVersion", "pump--2",
            (R"({"model":"pump","version":"2","bundle":")" + std::string(64, 'b') + "\"}").c_str());
    }

    log::Capture quiet_;
    files::TemporaryDirectory folder_ = *files::TemporaryDirectory::make();
    files::RealFiles files_;
    SimulatedClock clock_;
    SeededRandom random_{5};
    metrics::Registry metrics_;
    std::unique_ptr<Loop> loop_ = *Loop::open();
    std::unique_ptr<identity::CertificateAuthority> ca_;
    std::unique_ptr<identity::SigningKey> key_;
    crypto::TrustStore trust_ = *crypto::TrustStore::make({});
    std::unique_ptr<registry::Registry> store_;
    std::unique_ptr<Convergence> convergence_;
    std::map<std::string, Json> documents_;
    int published_ = 0;
};

TEST_F(Published, a_device_that_comes_and_goes_is_one_write) {
    start();
    put("Device", "gw-1", "{}");
    const auto before = stored("Device", "gw-1").revision;
    for (int i = 0; i < 10; ++i) convergence_->on_presence("gw-1", i % 2 == 0, clock_.now());
    stop();  // waits for what is to be written
    const Resource after = stored("Device", "gw-1");
    EXPECT_EQ(find_bool(after.status, "connected"), std::optional(false));
    EXPECT_FALSE(find_string(after.status, "state")) << "its life is onboarding's business";
    EXPECT_EQ(after.revision, before + 1);
}

TEST_F(Published, carries_models_with_their_release_and_sources_by_their_hash) {
    start();
    two_versions();
    put("Device", "gw-1", R"({"models":{"pump":{"version":"1","shadow":"2"}},
        "sources":{"csv":{"type":"csv","path":"x"}},"config":{"health_every":"1s"}})");
    const Json& d = documents_["gw-1"];
    EXPECT_EQ(find_integer(d, "generation"), 1);
    EXPECT_EQ(find_string(d, "models.pump.version"), "1");
    EXPECT_EQ(find_integer(d, "models.pump.size"), 9);
    EXPECT_EQ(find_string(d, "sources.csv.hash")->size(), 64u);
    EXPECT_EQ(find_string(d, "config.health_every"), "1s");
    const auto first = counter("gw-1", "pump"), second = counter("gw-1", "pump.shadow");
    EXPECT_EQ(first + second, 3u);  // 1 and 2, in whichever order they were asked for
    // It was written down before it left.
    EXPECT_EQ(find_integer(stored("ModelVersion", "pump--1").status, "release_counter"),
              static_cast<std::int64_t>(first));
    EXPECT_EQ(find_integer(stored("ModelVersion", "pump--2").status, "release_size"), 7);
    EXPECT_EQ(published_, 1);
}

TEST_F(Published, a_statement_is_shared_and_survives_a_restart_of_the_hub) {
    start();
    two_versions();
    models_of("gw-1", R"({"pump":{"version":"1"}})");
    models_of("gw-2", R"({"pump":{"version":"1"}})");
    const auto text = *find_string(documents_["gw-1"], "models.pump.signature");
    EXPECT_EQ(find_string(documents_["gw-2"], "models.pump.signature"), text);
    stop();
    documents_.clear();
    start();
    EXPECT_EQ(find_string(documents_["gw-1"], "models.pump.signature"), text);
}

TEST_F(Published, going_back_is_a_new_statement_with_a_higher_counter) {
    start();
    two_versions();
    models_of("gw-1", R"({"pump":{"version":"1"}})");
    EXPECT_EQ(counter("gw-1", "pump"), 1u);
    models_of("gw-1", R"({"pump":{"version":"2"}})");
    EXPECT_EQ(counter("gw-1", "pump"), 2u);
    models_of("gw-1", R"({"pump":{"version":"1"}})");
    EXPECT_EQ(counter("gw-1", "pump"), 3u);
    EXPECT_EQ(find_string(documents_["gw-1"], "models.pump.version"), "1");
}

TEST_F(Published, a_device_that_knows_more_is_told_something_newer) {
    start();
    two_versions();
    models_of("gw-1", R"({"pump":{"version":"1"}})");
    report("gw-1", R"({"models":{"pump":{"state":"failed","counter":41,"version":"1"}}})");
    EXPECT_EQ(counter("gw-1", "pump"), 42u);
    const int before = published_;
    report("gw-1", R"({"models":{"pump":{"state":"applied","counter":42,"version":"1"}}})");
    report("gw-1", R"({"models":{"pump":{"state":"applied","counter":-3,"version":"1"}}})");
    EXPECT_EQ(published_, before);
    // Also after a restart, when nobody remembers what was sent: the report is in the status.
    report("gw-1", R"({"models":{"pump":{"state":"applied","counter":42,"version":"1"}}})");
    stop();
    start();
    models_of("gw-1", R"({"pump":{"version":"2"}})");
    EXPECT_EQ(counter("gw-1", "pump"), 43u);
}

TEST_F(Published, names_what_it_could_not_resolve) {
    start();
    two_versions();
    models_of("gw-1", R"({"pump":{"version":"3"}})");
    EXPECT_EQ(counter("gw-1", "pump"), 0u);
    const Json status = stored("Device", "gw-1").status;
    ASSERT_NE(find(status, "problems"), nullptr);
    EXPECT_NE(to_json(*find(status, "problems")).find("no version '3'"), std::string::npos);
}

TEST_F(Published, firmware_says_its_module_and_is_for_its_class_only) {
    start();
    put("DeviceProfile", "small", R"({"device_class":"pi4","signals":[]})");
    put("Firmware", "ctl--1",
        (R"({"product":"ctl","version":"1","filename":"ctl.tar","size":5,
        "device_classes":["pi4"],"file":")" +
         std::string(64, 'c') + "\"}")
            .c_str());
    put("Device", "gw-1", R"({"profile":"small","firmware":{"ctl":{"version":"1"}}})");
    put("Device", "gw-2", R"({"firmware":{"ctl":{"version":"1"}}})");
    const Json* entry = find(documents_["gw-1"], "firmware.ctl");
    ASSERT_NE(entry, nullptr);
    const auto release = *identity::parse_release(*find_string(*entry, "release"));
    EXPECT_EQ(release.artifact, "Firmware");
    EXPECT_EQ(release.module, "directory");
    EXPECT_EQ(release.filename, find_string(*entry, "filename"));
    EXPECT_EQ(find(documents_["gw-2"], "firmware.ctl"), nullptr);
}

TEST_F(Published, a_source_keeps_its_hash_until_it_changes) {
    start();
    const auto hash = [this](const char* spec) {
        put("Device", "gw-1", spec);
        return *find_string(documents_["gw-1"], "sources.s.hash");
    };
    const auto first = hash(R"({"sources":{"s":{"type":"csv","path":"x"}}})");
    EXPECT_EQ(hash(R"({"config":{"a":1},"sources":{"s":{"type":"csv","path":"x"}}})"), first);
    EXPECT_NE(hash(R"({"sources":{"s":{"type":"csv","path":"y"}}})"), first);
}

}  // namespace
}  // namespace mw::convergence
