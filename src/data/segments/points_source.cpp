#include <algorithm>

#include "data/segments/points_chunk.h"
#include "data/segments/segments.h"
#include "data/segments/sources.h"

namespace mw::segments {

using duckdb::chunk_rows_max;

struct PointsPlan {
    std::vector<RunKeys> series;
    PointDictionaries texts;
    std::size_t rows = 0;
};

std::shared_ptr<const PointsPlan> plan(history::SortedPoints points) {
    auto plan = std::make_shared<PointsPlan>();
    plan->rows = points.rows();
    history::SortedSeries next;
    while (points.next(next)) {
        const history::SeriesEntry& entry = *next.series;
        RunKeys series;
        series.series = entry.id.value;
        series.device_key = device_id(entry.device);
        series.exponent = choose_exponent(next.rows.values);
        const std::string* texts[point_texts] = {&entry.device, &entry.signal, &entry.unit,
                                                 &next.context->asset, &next.context->site};
        for (std::size_t i = 0; i < point_texts; ++i)
            series.texts[i] = plan->texts[i].code(*texts[i]);
        plan->series.push_back(series);
    }
    return plan;
}

std::size_t device_count(const PointsPlan& plan) { return plan.texts[0].texts().size(); }

namespace {

class PointsScan final : public duckdb::Scan {
 public:
    PointsScan(std::shared_ptr<const PointsPlan> plan, history::SortedPoints& points,
               const std::vector<std::size_t>& wanted)
        : plan_(std::move(plan)), points_(points), chunk_(plan_->texts, wanted) {}

    Result<std::size_t> fill(duckdb::OutputChunk& out) override {
        chunk_.begin();
        std::size_t rows = 0;
        while (rows < chunk_rows_max) {
            if (done_ == current_.rows.size() && !advance()) break;
            const std::size_t count = std::min(current_.rows.size() - done_, chunk_rows_max - rows);
            chunk_.write(out, rows, plan_->series[index_ - 1],
                         {current_.rows.times.subspan(done_, count),
                          current_.rows.values.subspan(done_, count),
                          current_.rows.quality.subspan(done_, count)});
            rows += count;
            done_ += count;
        }
        chunk_.finish(out);
        return rows;
    }

 private:
    bool advance() {
        if (!points_.next(current_)) return false;
        done_ = 0;
        ++index_;
        return true;
    }

    std::shared_ptr<const PointsPlan> plan_;
    history::SortedPoints& points_;
    PointsChunk chunk_;
    history::SortedSeries current_;
    std::size_t done_ = 0;
    std::size_t index_ = 0;
};

class PointsSource final : public duckdb::TableSource {
 public:
    PointsSource(std::shared_ptr<const PointsPlan> plan, history::SortedPoints& points)
        : plan_(std::move(plan)), points_(points) {}

    std::vector<duckdb::Column> columns() const override {
        return point_file_columns(plan_->texts);
    }
    std::size_t row_count() const override { return plan_->rows; }
    Result<std::unique_ptr<duckdb::Scan>> scan(std::vector<std::size_t> wanted) const override {
        return std::unique_ptr<duckdb::Scan>(std::make_unique<PointsScan>(plan_, points_, wanted));
    }

 private:
    std::shared_ptr<const PointsPlan> plan_;
    history::SortedPoints& points_;
};

}  // namespace

std::shared_ptr<const duckdb::TableSource> points_source(std::shared_ptr<const PointsPlan> plan,
                                                         history::SortedPoints& points) {
    return std::make_shared<const PointsSource>(std::move(plan), points);
}

}  // namespace mw::segments
