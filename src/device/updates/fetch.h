#pragma once
// A file on its way to the device: appended to a part file as it comes, hashed meanwhile, continued
// where it stopped, also after a restart. Belongs to the agent's loop; files are touched on
// workers.

#include <functional>

#include "device/updates/downloads.h"
#include "platform/crypto/crypto.h"
#include "platform/files/files.h"

namespace mw::updates {

class Fetch {
 public:
    struct Parts {
        Workers& workers;
        files::Files& files;
        Downloads& downloads;
    };
    Fetch(Parts parts, std::string part_file) : parts_(parts), path_(std::move(part_file)) {}

    struct Outcome {
        std::string sha256;    // of what is in the part file now
        bool resumed = false;  // some of it came earlier: a wrong hash may be this disk's fault
    };
    // Until `size` bytes are in the part file and durable. io_failed, timed_out: try again, it goes
    // on from there. corrupt: the other side's file has another size. conflict: `wanted` said no.
    Task<Outcome> run(std::string sha256, std::uint64_t size, std::function<bool()> wanted);
    Task<> forget();  // removes the part file
    const std::string& path() const { return path_; }
    std::uint64_t received() const { return received_; }

 private:
    struct Part {
        std::unique_ptr<files::File> file;
        crypto::Sha256 hash;
        std::uint64_t size = 0;
    };
    Result<std::shared_ptr<Part>> open_part(std::uint64_t size);
    Task<bool> take_all(std::string sha256, std::uint64_t size, std::shared_ptr<Part> part,
                        std::function<bool()> wanted);

    Parts parts_;
    std::string path_;
    std::uint64_t received_ = 0;
};

}  // namespace mw::updates
