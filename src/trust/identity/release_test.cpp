#include "trust/identity/release.h"

#include <gtest/gtest.h>

#include "base/log.h"
#include "trust/identity/signing_key.h"

namespace mw::identity {
namespace {

Release pump() {
    return {"ModelVersion",
            "pump--2",
            std::string(64, 'a'),
            53248,
            7,
            {1'764'000'000'000'000'000},
            {},
            {}};
}

TEST(ReleaseStatement, is_written_as_the_document_shows) {
    const std::string model = release_text(pump());
    auto firmware = pump();
    firmware.artifact = "Firmware", firmware.name = "controller--1.4";
    firmware.filename = "controller.tar", firmware.module = "directory";
    files::RealFiles files;
    const auto page = *files::read_all(files, MW_SOURCE_DIR "/docs/formats/release.md");
    EXPECT_NE(text_of(page).find("\n" + model + "\n"), std::string::npos) << model;
    EXPECT_NE(text_of(page).find("\n" + release_text(firmware) + "\n"), std::string::npos)
        << release_text(firmware);
    EXPECT_EQ(*parse_release(model), pump());
    EXPECT_EQ(*parse_release(release_text(firmware)), firmware);
}

TEST(ReleaseStatement, has_one_text_for_one_content) {
    const std::string good = release_text(pump());
    auto replaced = [&](std::string from, std::string to) {
        std::string text = good;
        text.replace(text.find(from), from.size(), to);
        return text;
    };
    const std::string rows[] = {
        good + " ",
        good + "x",
        replaced("{", "{\"also\":1,"),
        replaced("\"counter\":7,", ""),
        replaced("\"counter\":7", "\"counter\":0"),
        replaced("\"counter\":7", "\"counter\":7.0"),
        replaced("\"counter\":7", "\"counter\":-7"),
        replaced("ModelVersion", "Model"),
        replaced("pump--2", ""),
        replaced("aaa", "AAA"),
        replaced("aaa", "aa"),
        "",
        "[]",
    };
    for (const auto& text : rows) EXPECT_FALSE(parse_release(text).ok()) << text;
}

TEST(ReleaseStatement, counts_only_when_the_release_key_signed_it) {
    log::Capture quiet;
    auto folder = *files::TemporaryDirectory::make();
    files::RealFiles files;
    SimulatedClock clock;
    SeededRandom random(3);
    AuthorityOptions options;
    options.directory = folder.path() + "/pki";
    auto ca = *CertificateAuthority::open(files, clock, random, options);
    auto key = *SigningKey::open(files, clock, *ca, options.directory, release_purpose);
    auto trust = *crypto::TrustStore::make({&ca->root(), 1});
    auto sign = [](const SigningKey& with, std::string text) {
        SignedRelease made{text, to_base64(*with.sign(bytes_of(text))), to_base64(with.chain())};
        return made;
    };
    const auto good = sign(*key, release_text(pump()));
    auto verified = verify_release(good, trust, clock.now());
    ASSERT_TRUE(verified.ok()) << verified.error().message;
    EXPECT_EQ(verified->counter, 7u);
    auto raised = good;
    raised.text.replace(raised.text.find(":7"), 2, ":8");
    auto audit = *SigningKey::open(files, clock, *ca, options.directory, "audit");
    for (const auto& bad : {raised, sign(*audit, good.text), SignedRelease{good.text, "", ""},
                            SignedRelease{good.text, good.signature, "?"}, SignedRelease{}})
        EXPECT_EQ(verify_release(bad, trust, clock.now()).error().code, Errc::denied);
}

}  // namespace
}  // namespace mw::identity
