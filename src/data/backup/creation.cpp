#include "data/backup/creation.h"

#include <algorithm>

#include "base/crc32c.h"
#include "base/log.h"
#include "data/registry/registry.h"

namespace mw::backup {
namespace {

constexpr std::string_view running = "running";  // in incoming/: a run began and did not end
constexpr std::string_view registry_copy = "registry.db";
constexpr std::size_t copy_chunk = std::size_t{1} << 20;
constexpr std::uint64_t cost_of_a_file = 4096;  // of a step: small files are work too

std::string in_bytes(std::uint64_t bytes) { return std::to_string(bytes) + " bytes"; }

// Logs first, as their owners go on writing; then in the order of paths.
bool comes_later(const Item& a, const Item& b) {
    if ((a.entry.part == Part::log) != (b.entry.part == Part::log))
        return b.entry.part == Part::log;
    return a.entry.path > b.entry.path;
}

}  // namespace

Result<std::unique_ptr<Creation>> Creation::begin(files::Files& files, const Clock& clock,
                                                  CreateOrder order) {
    TRY(auto repository, Repository::open(files, order.repository));
    TRY(auto lock, files::DirectoryLock::take(order.repository));
    std::unique_ptr<Creation> self(
        new Creation(files, clock, std::move(order), std::move(repository), std::move(lock)));
    TRY_VOID(self->sweep_after_a_crash());
    TRY_VOID(self->remember_earlier());
    return self;
}

Creation::Creation(files::Files& files, const Clock& clock, CreateOrder order,
                   Repository repository, files::DirectoryLock lock)
    : files_(files),
      clock_(clock),
      order_(std::move(order)),
      repository_(std::move(repository)),
      lock_(std::move(lock)),
      store_(files_, repository_),
      capture_(files_, order_.data, order_.keys) {}

Creation::~Creation() {
    if (!finished_) undo();
}

void Creation::undo() {
    store_.undo();
    for (const auto name : {registry_copy, running})
        ignore(files_.remove(repository_.incoming(name)), "the next run sweeps");
    finished_ = true;
}

// What a run that was cut short has added is named by no backup, and nobody counts on it.
Result<> Creation::sweep_after_a_crash() {
    TRY_VOID(files_.make_directories(repository_.path("incoming"), 0700));
    TRY(const auto crashed, files_.size(repository_.incoming(running)));
    if (crashed) {
        const auto swept = repository_.sweep();
        if (!swept)
            log::warn("backup.sweep.failed", {{"why", swept.error()}});
        else
            log::info("backup.leftovers.removed", {{"bytes", swept->bytes}});
    }
    TRY_VOID(files::atomic_replace(files_, repository_.incoming(running), {}, 0600));
    manifest_.from = clock_.now();
    manifest_.version = order_.version;
    manifest_.keys = order_.keys;
    return {};
}

Result<> Creation::remember_earlier() {
    TRY(const auto names, repository_.names());
    for (auto name = names.rbegin(); name != names.rend(); ++name) {
        auto manifest = repository_.read(*name);
        if (!manifest) continue;  // verify says so; then it is no help
        for (auto& file : manifest->files)
            if (file.part == Part::segment) earlier_[file.path] = std::move(file);
        break;
    }
    manifest_.name = name_at(manifest_.from);
    for (int i = 2; std::find(names.begin(), names.end(), manifest_.name) != names.end(); ++i)
        manifest_.name = name_at(manifest_.from) + "-" + std::to_string(i);
    return {};
}

Result<> Creation::take_registry() {
    const auto from = files::join(order_.data, registry_copy);
    const auto to = repository_.incoming(registry_copy);
    TRY(const auto size, files_.size(from));
    if (!size)
        return Error{Errc::not_found, from + " is not there: is " + order_.data +
                                          " the data directory of a hub that ran?"};
    TRY_VOID(check_space(*size));
    if (auto removed = files_.remove(to); !removed && removed.error().code != Errc::not_found)
        return removed;
    // SQLite writes into an empty file; so its mode is ours.
    TRY_VOID([&]() -> Result<> {
        TRY(const auto made, files_.open(to, files::Mode::create_new, 0600));
        return {};
    }());
    TRY(const auto copied, registry::copy_database(from, order_.sqlite_vfs, to));
    TRY(const auto kept, store_.keep_file(std::string(registry_copy)));
    manifest_.facts = copied.facts;
    manifest_.last_fact = to_hex(copied.last);
    manifest_.files.push_back(
        {std::string(registry_copy), Part::registry, kept.bytes, kept.sha256, 0640});
    return {};
}

Result<> Creation::plan() {
    manifest_.to = clock_.now();
    manifest_.left_out = std::move(capture_.left_out());
    for (auto& item : capture_.items()) {
        if (is_there(item))
            manifest_.files.push_back(std::move(item.entry));
        else
            waiting_.push_back(std::move(item));
    }
    std::sort(waiting_.begin(), waiting_.end(), comes_later);
    progress_.files = manifest_.files.size() + waiting_.size();
    progress_.files_done = manifest_.files.size();
    for (const auto& item : waiting_) progress_.bytes += item.entry.bytes;
    return check_space(progress_.bytes);
}

Result<> Creation::check_space(std::uint64_t bytes) const {
    TRY(const auto space, files_.free_space(repository_.directory()));
    const auto wanted = bytes + order_.space_kept_free;
    if (wanted <= space) return {};
    return Error{Errc::overloaded,
                 repository_.directory() + " has " + in_bytes(space) + " free; the backup needs " +
                     in_bytes(bytes) + " more, and " + in_bytes(order_.space_kept_free) +
                     " are to stay free: " + in_bytes(wanted - space) +
                     " are missing. Next step: millwright backup prune, or a larger disk"};
}

// Sealed files never change, and blobs are their hash: what the repository has is not read again.
bool Creation::is_there(Item& item) {
    if (item.entry.part == Part::segment && item.entry.crc32c) {
        const auto known = earlier_.find(item.entry.path);
        if (known == earlier_.end() || known->second.bytes != item.entry.bytes ||
            known->second.crc32c != item.entry.crc32c)
            return false;
        item.entry.sha256 = known->second.sha256;
    } else if (item.entry.part != Part::blob) {
        return false;
    }
    const auto there = repository_.holds(item.entry.sha256, item.entry.bytes);
    if (!there || !*there) return false;
    store_.rely_on(item.entry.sha256);
    return true;
}

Result<bool> Creation::copy(std::uint64_t bytes) {
    for (auto budget = bytes; budget > 0;) {
        auto more = copy_some(budget);
        if (!more && more.error().code == Errc::overloaded) return full(std::move(more).error());
        if (!more || !*more) return more;
    }
    return true;
}

Error Creation::full(Error error) const {
    const auto left = progress_.bytes - std::min(progress_.bytes, progress_.bytes_done);
    const auto space = files_.free_space(repository_.directory());
    const auto missing = space && *space < left ? left - *space : left;
    error.message += ". " + in_bytes(progress_.bytes_done) + " of " + in_bytes(progress_.bytes) +
                     " were copied, about " + in_bytes(missing) +
                     " are missing. What was copied is removed again. Next step: millwright "
                     "backup prune, or a larger disk";
    return error;
}

Result<bool> Creation::copy_some(std::uint64_t& budget) {
    if (!current_) {
        TRY(const bool more, open_next());
        if (!more) return false;
        budget -= std::min(budget, cost_of_a_file);
        if (!current_) return true;  // it was left out
    }
    const Item& item = *current_;
    const bool all = item.length == Length::as_found;
    const auto left = all ? copy_chunk : item.entry.bytes - at_;
    buffer_.resize(std::min<std::uint64_t>({copy_chunk, left, std::max(budget, cost_of_a_file)}));
    const auto got = item.file->read_at(at_, buffer_);
    if (!got && item.entry.part != Part::segment && item.entry.part != Part::blob)
        return got.error().context("reading " + item.entry.path);
    if (!got) {
        leave_out("it can't be read: " + got.error().message);
        return true;
    }
    const auto part = ByteView(buffer_).first(*got);
    TRY_VOID(store_.write(part));
    crc_ = crc32c(part, crc_);
    at_ += *got;
    progress_.bytes_done += *got;
    budget -= std::min<std::uint64_t>(budget, *got);
    const bool ended = *got < buffer_.size() || (!all && at_ == item.entry.bytes);
    if (ended) TRY_VOID(end_of_item());
    return true;
}

// Opens what is to be copied next. False: nothing is left.
Result<bool> Creation::open_next() {
    if (waiting_.empty()) return false;
    current_ = std::move(waiting_.back());
    waiting_.pop_back();
    at_ = 0;
    crc_ = 0;
    if (!current_->file) {
        auto opened = files_.open(current_->source, files::Mode::read);
        if (!opened && current_->length == Length::as_found &&
            opened.error().code == Errc::not_found) {
            current_.reset();  // removed since it was seen
            ++progress_.files_done;
            return true;
        }
        if (!opened && current_->length == Length::as_found)
            return opened.error().context("reading " + current_->entry.path);
        if (!opened) {
            leave_out(opened.error().code == Errc::not_found ? "it was not there"
                                                             : opened.error().message);
            return true;
        }
        current_->file = std::move(*opened);
    }
    TRY_VOID(store_.begin());
    return true;
}

Result<> Creation::end_of_item() {
    auto& entry = current_->entry;
    if (current_->length == Length::exact && at_ != entry.bytes) {
        if (entry.part == Part::log)
            return Error{Errc::corrupt, entry.path + " has " + in_bytes(at_) + " instead of " +
                                            in_bytes(entry.bytes)};
        return leave_out("it had " + in_bytes(at_) + " instead of " + in_bytes(entry.bytes)),
               Result<>{};
    }
    if (entry.crc32c && *entry.crc32c != crc_)
        return leave_out("its bytes changed since it was written"), Result<>{};
    const bool named = entry.part == Part::blob;
    TRY(auto kept, store_.keep(named ? entry.sha256 : ""));
    if (!kept) return leave_out("its bytes changed since it was written"), Result<>{};
    entry.sha256 = std::move(kept->sha256);
    entry.bytes = kept->bytes;
    manifest_.files.push_back(std::move(entry));
    ++progress_.files_done;
    current_.reset();
    return {};
}

void Creation::leave_out(std::string why) {
    store_.discard();
    log::error("backup.file.left_out", {{"path", current_->entry.path}, {"why", why}});
    manifest_.left_out.push_back({current_->entry.path, std::move(why)});
    ++progress_.files_done;
    current_.reset();
}

Result<Created> Creation::finish() {
    std::sort(manifest_.files.begin(), manifest_.files.end(),
              [](const FileEntry& a, const FileEntry& b) { return a.path < b.path; });
    TRY_VOID(store_.sync());
    if (auto put = repository_.put(manifest_); !put) {
        // As long as one copy of the manifest may be there, what it names stays.
        finished_ = !repository_.remove(manifest_.name).ok();
        if (put.error().code == Errc::overloaded) return full(std::move(put).error());
        return std::move(put).error();
    }
    finished_ = true;
    ignore(files_.remove(repository_.incoming(running)), "then the next run sweeps in vain");
    return Created{std::move(manifest_), store_.added(), store_.added_bytes()};
}

}  // namespace mw::backup
