#pragma once
// Points over HTTP: bodies are unpacked and parsed on one worker, which has the parsers to itself,
// piece by piece; each piece is stored before the next is parsed. Inside surface/api only.
// Limits: WriteOptions; what is above them is pushed back (429, Retry-After) and nothing is lost.

#include <memory>
#include <string>

#include "base/metrics.h"
#include "protocols/line_protocol/line_protocol.h"
#include "protocols/payload/payload.h"
#include "surface/api/point_desk.h"

namespace mw::api {

struct WriteOptions {
    line_protocol::Naming naming;
    std::size_t body_bytes_max = std::size_t{16} << 20;      // as it is sent
    std::size_t unpacked_bytes_max = std::size_t{64} << 20;  // of a gzip body
    std::size_t waiting_bytes_max = std::size_t{128} << 20;  // bodies that are not yet answered
};

struct WriteOrder {
    std::string body;
    bool gzip = false;
    std::string device;  // of lines that do not name theirs; of a body of points
    std::string stream;  // of a body of points
    std::int64_t unit_ns = 1;
};

struct WriteReport {
    std::size_t points = 0;   // stored and durable
    std::size_t refused = 0;  // lines, fields and points
    std::size_t first_line = 0;
    std::vector<std::string> reasons;  // the first of them
};

class WriteDoor {
 public:
    WriteDoor(WriteOptions options, PointDesk* desk, const Clock& clock,
              metrics::Registry& metrics);
    ~WriteDoor();

    const WriteOptions& options() const { return options_; }
    Task<WriteReport> write_lines(WriteOrder order);
    Task<WriteReport> write_json(WriteOrder order);
    // Batches of docs/formats/points-binary.md; order.device may be empty.
    Task<WriteReport> write_binary(WriteOrder order);

 private:
    struct Desk;  // what the worker has
    struct Piece;
    struct Admitted;
    struct Filled {
        std::size_t batches = 0;
        std::size_t bytes = 0;
    };
    static Result<Filled> decode_piece(Desk& desk, std::string_view body, const WriteOrder& order,
                                       Timestamp now, std::vector<Batch>& into);
    Result<> admit(std::size_t bytes);
    Task<std::string> unpacked(std::string body, bool gzip);
    std::shared_ptr<Piece> spare_piece(std::string_view key);
    Task<> store(PointDesk::Load load, WriteReport& report);
    Task<> finish(const WriteReport& report);
    void add(WriteReport& report, const PointDesk::Outcome& stored) const;

    WriteOptions options_;
    PointDesk* desk_;
    const Clock& clock_;
    metrics::Counter& points_;
    metrics::Counter& refused_;
    metrics::Counter& pushed_back_;
    metrics::Gauge& waiting_;
    std::size_t waiting_bytes_ = 0;
    std::shared_ptr<Desk> at_work_;
    std::vector<std::shared_ptr<Piece>> spare_;
    Workers workers_;  // last: its jobs use at_work_
};

}  // namespace mw::api
