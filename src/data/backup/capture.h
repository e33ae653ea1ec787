#pragma once
// What a backup is made of: the files of a data directory, each store as of one instant, opened
// where they may go away. Calls block.

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "data/backup/manifest.h"
#include "data/history/history.h"
#include "platform/files/files.h"

namespace mw::backup {

// How much of a file belongs to the backup.
enum class Length : std::uint8_t {
    exact,     // entry.bytes; anything else is damage
    at_most,   // entry.bytes of a log that is being written
    as_found,  // all there is when it is opened: small files that are replaced or grow
};

// A file to be copied.
struct Item {
    FileEntry entry;                      // sha256 is empty until it is known
    std::string source{};                 // where it is read from
    std::shared_ptr<files::File> file{};  // or it is open already
    Length length = Length::exact;
    std::shared_ptr<const void> hold{};  // keeps it on disk
};

class Capture {
 public:
    Capture(files::Files& files, std::string data, bool keys)
        : files_(files), data_(std::move(data)), keys_(keys) {}

    Result<> take_log(const std::string& folder);  // of the data directory; absent: nothing
    Result<> take_history(history::HistoryHold hold);
    Result<> take_history_at_rest();  // nobody uses it
    Result<> take_blobs();
    // Logs that were not taken yet, keys, and what else lies there; not what a start makes anew.
    Result<> take_rest();

    std::vector<Item>& items() { return items_; }
    std::vector<LeftOut>& left_out() { return left_out_; }

 private:
    Result<> add_log(const std::string& folder);
    void add_pieces(std::vector<files::LogPiece> pieces, const std::string& folder);
    Result<> add_folder(const std::string& folder, Part part);
    Result<> add_plain(const std::string& path, std::uint64_t bytes);
    Result<bool> is_secret(const std::string& path, std::uint64_t bytes, unsigned mode);
    std::string at(const std::string& path) const { return files::join(data_, path); }

    files::Files& files_;
    std::string data_;
    bool keys_;
    std::set<std::string> taken_;  // folders
    std::vector<Item> items_;
    std::vector<LeftOut> left_out_;
};

}  // namespace mw::backup
