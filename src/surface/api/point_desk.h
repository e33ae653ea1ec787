#pragma once
// What the API needs from storage to take points over HTTP. Belongs to the control loop; apps/hub
// adapts the data plane to it.

#include <memory>
#include <string>
#include <vector>

#include "domain/point.h"
#include "platform/loop/loop.h"

namespace mw::api {

class PointDesk {
 public:
    virtual ~PointDesk() = default;

    // The first `count` batches. Nobody else touches them until store() has ended.
    struct Load {
        std::shared_ptr<std::vector<Batch>> batches;
        std::size_t count = 0;
    };
    struct Refused {  // a batch that was not stored, and why
        std::string device;
        std::size_t points = 0;
        std::string reason;
    };
    struct Outcome {
        std::size_t points = 0;  // stored
        std::vector<Refused> refused;
    };
    // Judges and appends. Waits while storage is full; overloaded when that lasts. After an error
    // a part may be stored: sent again, it is stored once, as a series has one point at a time.
    virtual Task<Outcome> store(Load load) = 0;
    // Until everything that was stored before is durable. io_failed: the disk refuses.
    virtual Task<> flush() = 0;
};

}  // namespace mw::api
