#include "data/blobs/blobs.h"

#include <algorithm>

#include "platform/crypto/crypto.h"

namespace mw::blobs {

struct Blobs::State {
    State(files::Files& f, Workers& w, Options o) : files(f), workers(w), options(std::move(o)) {}
    files::Files& files;
    Workers& workers;
    const Options options;
    std::size_t uploads_open = 0;
    std::uint64_t uploads_begun = 0;

    std::string incoming() const { return files::join(options.directory, "incoming"); }
    std::string folder_of(const std::string& sha256) const {
        return files::join(options.directory, sha256.substr(0, 2));
    }
    std::string path_of(const std::string& sha256) const {
        return files::join(folder_of(sha256), sha256);
    }
    // What follows blocks: on a worker.
    Result<Blob> stat(const std::string& sha256) const;
    Result<Bytes> read(const std::string& sha256, std::uint64_t offset, std::size_t length) const;
    Result<Blob> verify(const std::string& sha256) const;
    Result<std::vector<Blob>> list() const;
};

namespace {

using State = Blobs::State;

bool is_hash(std::string_view text) {
    return text.size() == 64 && std::all_of(text.begin(), text.end(), [](char c) {
               return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
           });
}

// The file behind an upload; on a worker, one call at a time.
struct Incoming {
    std::string path;
    std::unique_ptr<files::File> file;
    crypto::Sha256 hash;
    std::uint64_t size = 0;
};

Result<> write_part(State& state, Incoming& incoming, const Bytes& bytes) {
    if (bytes.size() > state.options.bytes_max - incoming.size)
        return Error{Errc::invalid_input, "the blob is larger than " +
                                              std::to_string(state.options.bytes_max) + " bytes"};
    if (!incoming.file) {
        TRY(incoming.file, state.files.open(incoming.path, files::Mode::create_new, 0640));
    }
    TRY_VOID(incoming.file->append(bytes));
    incoming.hash.update(bytes);
    incoming.size += bytes.size();
    return {};
}

// Content first, then its name, then the folder that holds the name: after a cut at any point the
// blob is whole or absent.
Result<Blob> finish_file(State& state, Incoming& incoming,
                         const std::optional<std::string>& expected) {
    TRY_VOID(write_part(state, incoming, {}));  // an empty blob has a file too
    Blob blob{to_hex(incoming.hash.finish()), incoming.size};
    if (expected && *expected != blob.sha256)
        return Error{Errc::invalid_input, "the content has SHA-256 " + blob.sha256 + ", not " +
                                              expected->substr(0, 64) + "; send it again"};
    TRY(const auto stored, state.files.size(state.path_of(blob.sha256)));
    if (stored) return blob;  // the same content is there already
    TRY_VOID(incoming.file->sync());
    incoming.file.reset();
    TRY_VOID(state.files.make_directories(state.folder_of(blob.sha256)));
    TRY_VOID(state.files.rename(incoming.path, state.path_of(blob.sha256)));
    TRY_VOID(state.files.sync_directory(state.folder_of(blob.sha256)));
    return blob;
}

class FileUpload final : public Upload {
 public:
    explicit FileUpload(std::shared_ptr<State> state)
        : state_(std::move(state)), incoming_(std::make_shared<Incoming>()) {
        ++state_->uploads_open;
        incoming_->path =
            files::join(state_->incoming(), std::to_string(++state_->uploads_begun) + ".part");
    }
    ~FileUpload() override {
        --state_->uploads_open;
        const bool begun = incoming_->file != nullptr;
        incoming_->file.reset();
        if (begun) ignore(state_->files.remove(incoming_->path), "open() clears what is left");
    }
    Task<> write(Bytes bytes) override {
        auto job = [state = state_, incoming = incoming_, bytes = std::move(bytes)] {
            return write_part(*state, *incoming, bytes);
        };
        return state_->workers.run(std::move(job));
    }
    Task<Blob> finish(std::optional<std::string> expected) override {
        auto job = [state = state_, incoming = incoming_, expected = std::move(expected)] {
            return finish_file(*state, *incoming, expected);
        };
        return state_->workers.run(std::move(job));
    }

 private:
    std::shared_ptr<State> state_;
    std::shared_ptr<Incoming> incoming_;
};

}  // namespace

Result<std::unique_ptr<Blobs>> Blobs::open(files::Files& files, Workers& workers, Options options) {
    auto state = std::make_shared<State>(files, workers, std::move(options));
    TRY_VOID(files.make_directories(state->incoming()).context("blobs"));
    TRY(const auto left, files.list(state->incoming()));
    for (const auto& entry : left)
        TRY_VOID(files.remove(files::join(state->incoming(), entry.name)).context("blobs"));
    return std::unique_ptr<Blobs>(new Blobs(std::move(state)));
}

Blobs::Blobs(std::shared_ptr<State> state) : state_(std::move(state)) {}
Blobs::~Blobs() = default;

Result<std::unique_ptr<Upload>> Blobs::begin() {
    if (state_->uploads_open >= state_->options.uploads_max)
        return Error{Errc::overloaded, "too many uploads at once; try again shortly"};
    return std::unique_ptr<Upload>(std::make_unique<FileUpload>(state_));
}

Task<Blob> Blobs::put(Bytes bytes) {
    CO_TRY(auto upload, begin());
    CO_TRY_VOID(co_await upload->write(std::move(bytes)));
    co_return co_await upload->finish(std::nullopt);
}

Task<Blob> Blobs::stat(std::string sha256) {
    auto job = [state = state_, sha256 = std::move(sha256)] { return state->stat(sha256); };
    return state_->workers.run(std::move(job));
}
Task<Bytes> Blobs::read(std::string sha256, std::uint64_t offset, std::size_t length) {
    auto job = [state = state_, sha256 = std::move(sha256), offset, length] {
        return state->read(sha256, offset, length);
    };
    return state_->workers.run(std::move(job));
}
Task<Blob> Blobs::verify(std::string sha256) {
    auto job = [state = state_, sha256 = std::move(sha256)] { return state->verify(sha256); };
    return state_->workers.run(std::move(job));
}
Task<std::vector<Blob>> Blobs::list() {
    auto job = [state = state_] { return state->list(); };
    return state_->workers.run(std::move(job));
}

Result<Blob> Blobs::State::stat(const std::string& sha256) const {
    if (!is_hash(sha256))
        return Error{Errc::invalid_input, "want a SHA-256 as 64 lower-case hex digits"};
    TRY(const auto size, files.size(path_of(sha256)));
    if (!size) return Error{Errc::not_found, "there is no blob " + sha256};
    return Blob{sha256, *size};
}

Result<Bytes> Blobs::State::read(const std::string& sha256, std::uint64_t offset,
                                 std::size_t length) const {
    TRY(const auto blob, stat(sha256));
    TRY(auto file, files.open(path_of(sha256), files::Mode::read, 0));
    const auto left = blob.size - std::min(offset, blob.size);
    Bytes bytes(std::min<std::uint64_t>({length, left, options.read_max}));
    TRY(const auto got, file->read_at(offset, bytes));
    bytes.resize(got);
    return bytes;
}

Result<Blob> Blobs::State::verify(const std::string& sha256) const {
    TRY(const auto blob, stat(sha256));
    TRY(auto file, files.open(path_of(sha256), files::Mode::read, 0));
    crypto::Sha256 hash;
    Bytes buffer(std::size_t{1} << 20);
    for (std::uint64_t at = 0; at < blob.size;) {
        TRY(const auto got, file->read_at(at, buffer));
        if (got == 0) break;
        hash.update(ByteView(buffer).first(got));
        at += got;
    }
    if (to_hex(hash.finish()) != sha256)
        return Error{Errc::corrupt, "blob " + sha256 + " is damaged: its content has another hash"};
    return blob;
}

Result<std::vector<Blob>> Blobs::State::list() const {
    std::vector<Blob> blobs;
    TRY(const auto folders, files.list(options.directory));
    for (const auto& folder : folders) {
        if (!folder.directory || folder.name.size() != 2) continue;
        TRY(const auto entries, files.list(files::join(options.directory, folder.name)));
        for (const auto& entry : entries)
            if (is_hash(entry.name)) blobs.push_back({entry.name, entry.size});
    }
    return blobs;
}

}  // namespace mw::blobs
