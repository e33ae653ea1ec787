#pragma once
// Content-addressed bytes: a blob's name is the lower-case hex SHA-256 of its content, so what is
// read is what was written, and the same content is stored once. Belongs to the control loop; files
// are touched on the worker pool. Limits: 2 GiB a blob, 64 uploads open, 4 MiB a read (set in
// Options).

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

// A blob on its way in. Gone without finish(): nothing stays.
class Upload {
 public:
    virtual ~Upload() = default;
    virtual Task<> write(Bytes bytes) = 0;  // in order; invalid_input when it grows too large
    // Durable when it returns. invalid_input when expected_sha256 is given and differs.
    virtual Task<Blob> finish(std::optional<std::string> expected_sha256) = 0;
};

class Blobs {
 public:
    virtual ~Blobs() = default;
    // Makes the directory, and clears what uploads of an earlier life left behind.
    static Result<std::unique_ptr<Blobs>> open(Files& files, Workers& workers, Options options);

    virtual Task<std::unique_ptr<Upload>> begin() = 0;  // overloaded when too many are open
    virtual Task<Blob> put(Bytes bytes) = 0;
    virtual Task<Blob> stat(std::string sha256) = 0;  // not_found
    // Up to length bytes from offset; fewer only at the end. The caller streams by asking again.
    virtual Task<Bytes> read(std::string sha256, std::uint64_t offset, std::size_t length) = 0;
    // Reads all of it and compares; corrupt when the content is not what its name says.
    virtual Task<> verify(std::string sha256) = 0;
    virtual Task<std::vector<Blob>> list() = 0;
};

}  // namespace mw::blobs
