#pragma once
// Content-addressed bytes: a blob's name is the lower-case hex SHA-256 of its content, so what is
// read is what was written, and the same content is stored once. Belongs to the control loop; files
// are touched on the worker pool. Limits: 2 GiB a blob, 64 uploads open, 4 MiB a read (Options).

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "platform/files/files.h"
#include "platform/loop/loop.h"

namespace mw::blobs {

struct Options {
    std::string directory;
    std::uint64_t bytes_max = std::uint64_t{2} << 30;
    std::size_t uploads_max = 64;
    std::size_t read_max = std::size_t{4} << 20;
};

struct Blob {
    std::string sha256;
    std::uint64_t size = 0;
};

// A blob on its way in, used by one coroutine. Gone without finish(): nothing stays of it.
class Upload {
 public:
    virtual ~Upload() = default;
    // In order. invalid_input when the blob grows too large; overloaded when the disk is full.
    virtual Task<> write(Bytes bytes) = 0;
    // Durable when it returns. invalid_input when expected_sha256 is given and differs.
    virtual Task<Blob> finish(std::optional<std::string> expected_sha256) = 0;
};

class Blobs {
 public:
    // Makes the directory, and clears what uploads of an earlier life left behind. Blocks shortly.
    static Result<std::unique_ptr<Blobs>> open(files::Files& files, Workers& workers,
                                               Options options);
    ~Blobs();

    Result<std::unique_ptr<Upload>> begin();  // overloaded when too many are open
    Task<Blob> put(Bytes bytes);
    Task<Blob> stat(std::string sha256);  // not_found; invalid_input: not a hash
    // Up to length bytes from offset; fewer only at the end. The caller streams by asking again.
    Task<Bytes> read(std::string sha256, std::uint64_t offset, std::size_t length);
    // Reads all of it and compares; corrupt when the content is not what its name says.
    Task<Blob> verify(std::string sha256);
    Task<std::vector<Blob>> list();

    struct State;

 private:
    explicit Blobs(std::shared_ptr<State> state);
    std::shared_ptr<State> state_;  // uploads hold it too
};

}  // namespace mw::blobs
