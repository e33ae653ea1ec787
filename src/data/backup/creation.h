#pragma once
// A backup in the making: which contents the repository lacks, copied a piece at a time. Its calls
// block, one at a time, on any thread; create() (backup.h) brings them into order. Gone without
// finish(), it takes back what it added.

#include <map>
#include <memory>
#include <optional>
#include <stop_token>

#include "data/backup/backup.h"
#include "data/backup/capture.h"
#include "data/backup/object_store.h"

namespace mw::backup {

class Creation {
 public:
    static Result<std::unique_ptr<Creation>> begin(files::Files& files, const Clock& clock,
                                                   CreateOrder order);
    ~Creation();

    Capture& capture() { return capture_; }
    Result<> take_registry();
    // Decides what is copied. overloaded: the repository's disk has no room for it.
    Result<> plan();
    // About so many bytes. False: that was all.
    Result<bool> copy(std::uint64_t bytes);
    Result<Created> finish();

    const Progress& progress() const { return progress_; }

 private:
    Creation(files::Files& files, const Clock& clock, CreateOrder order, Repository repository,
             files::DirectoryLock lock);
    Result<> sweep_after_a_crash();
    Result<> remember_earlier();
    bool is_there(Item& item);
    Result<bool> open_next();
    Result<bool> copy_some(std::uint64_t& budget);
    Result<> end_of_item();
    void leave_out(std::string why);
    Error full(Error error) const;
    Result<> check_space(std::uint64_t bytes) const;
    void undo();

    files::Files& files_;
    const Clock& clock_;
    const CreateOrder order_;
    Repository repository_;
    files::DirectoryLock lock_;
    ObjectStore store_;
    Capture capture_;
    Manifest manifest_;
    Progress progress_;
    std::map<std::string, FileEntry> earlier_;  // sealed files of the newest backup, by path
    std::vector<Item> waiting_;                 // the next is the last
    std::optional<Item> current_;
    std::uint64_t at_ = 0;  // in current_
    std::uint32_t crc_ = 0;
    Bytes buffer_;
    bool finished_ = false;
};

}  // namespace mw::backup
