#pragma once
// What the outbox's tests share: a folder, entries, and an outbox on them.

#include <gtest/gtest.h>

#include <filesystem>

#include "base/random.h"
#include "device/outbox/outbox.h"

namespace mw::outbox {

class Folder {
 public:
    Folder() {
        std::string pattern = (std::filesystem::temp_directory_path() / "outbox-XXXXXX").string();
        path_ = mkdtemp(pattern.data());
    }
    ~Folder() { std::filesystem::remove_all(path_); }
    std::string operator/(std::string_view name) const { return path_ + "/" + std::string(name); }

 private:
    std::string path_;
};

inline Bytes bytes(std::string_view text) { return {text.begin(), text.end()}; }

inline Entry entry_of(std::string_view text, std::string_view checkpoint = "") {
    Entry entry;
    entry.messages.push_back({"data/pump", "mw/v1/gw/data/pump", bytes(text)});
    if (!checkpoint.empty()) entry.checkpoints["source/pump"] = bytes(checkpoint);
    return entry;
}

// Text that no compression makes much smaller.
inline std::string noise(SeededRandom& random, std::size_t size) {
    std::string text(size, ' ');
    for (char& c : text) c = static_cast<char>('!' + random.below(90));
    return text;
}

class OutboxOnDisk : public testing::Test {
 protected:
    OutboxOnDisk() : loop_(*Loop::open()), workers_(WorkersOptions{.threads = 1}) {}

    void open(Options options = {}) { open_on(real_, std::move(options)); }
    void open_on(files::Files& files, Options options = {}) {
        options.directory = folder_ / "outbox";
        auto opened = Outbox::open(files, *loop_, workers_, std::move(options));
        ASSERT_TRUE(opened) << opened.error().message;
        outbox_ = std::move(*opened);
    }
    void stop() {
        ASSERT_TRUE(sync_wait(*loop_, outbox_->stop()));
        outbox_.reset();
    }
    void append(std::string_view text, std::string_view checkpoint = "") {
        auto appended = outbox_->append(entry_of(text, checkpoint));
        ASSERT_TRUE(appended) << appended.error().message;
    }
    void flush() { ASSERT_TRUE(sync_wait(*loop_, outbox_->flush())); }
    std::string next() {
        for (;;) {
            if (auto queued = outbox_->try_next())
                return std::string(queued->payload.begin(), queued->payload.end());
            if (!sync_wait(*loop_, outbox_->more())) return "nothing";
        }
    }

    Folder folder_;
    files::RealFiles real_;
    std::unique_ptr<Loop> loop_;
    Workers workers_;
    std::unique_ptr<Outbox> outbox_;
};

}  // namespace mw::outbox
