#include "data/query/allow_list.h"

#include <algorithm>
#include <string>
#include <unordered_set>

namespace mw::query {
namespace {

constexpr FunctionGroup groups[] = {
    {"Operators", "+ - * / // % ** ^ & | << >> ~ !__postfix || ~~ !~~ ~~* !~~* ~~~ ^@ && @> <@ -"},
    {"Arithmetic",
     "abs add cbrt ceil ceiling divide even exp factorial fdiv floor fmod gamma gcd "
     "greatest_common_divisor lcm least_common_multiple lgamma ln log log10 log2 mod multiply "
     "nextafter pi pow power round round_even roundbankers sign signbit sqrt subtract trunc xor "
     "isfinite isinf isnan bit_count random hash"},
    {"Trigonometry",
     "acos acosh asin asinh atan atan2 atanh cos cosh cot degrees radians sin sinh tan tanh"},
    {"Comparison and choice", "greatest least nullif coalesce constant_or_null ifnull typeof"},
    {"Text",
     "ascii bin char_length character_length chr concat concat_ws contains damerau_levenshtein "
     "editdist3 ends_with format hamming hex ilike_escape instr jaccard jaro_similarity "
     "jaro_winkler_similarity lcase left len length levenshtein like_escape lower lpad ltrim md5 "
     "mismatches not_ilike_escape not_like_escape octet_length ord position prefix printf "
     "regexp_escape regexp_extract regexp_extract_all regexp_full_match regexp_matches "
     "regexp_replace replace reverse right rpad rtrim sha1 sha256 split split_part starts_with "
     "str_split str_split_regex string_split string_split_regex string_to_array strip_accents "
     "strlen strpos substr substring suffix to_binary to_hex translate trim ucase unicode upper"},
    {"Time",
     "age century current_date current_localtimestamp date_add date_diff date_part date_sub "
     "date_trunc datediff datepart datesub datetrunc day dayname dayofmonth dayofweek dayofyear "
     "decade epoch epoch_ms epoch_ns epoch_us era get_current_time get_current_timestamp hour "
     "isodow isoyear julian last_day make_date make_time make_timestamp make_timestamp_ms "
     "make_timestamp_ns make_timestamptz microsecond millennium millisecond minute month "
     "monthname nanosecond normalized_interval now quarter second strftime strptime time_bucket "
     "timezone timezone_hour timezone_minute to_centuries to_days to_decades to_hours "
     "to_microseconds to_millennia to_milliseconds to_minutes to_months to_quarters to_seconds "
     "to_timestamp to_weeks to_years today transaction_timestamp try_strptime week weekday "
     "weekofyear year yearweek"},
    {"Lists and structs",
     "apply array_append array_concat array_contains array_distinct array_extract array_filter "
     "array_has array_has_all array_has_any array_indexof array_intersect array_length "
     "array_position array_prepend array_reverse array_slice array_sort array_to_string "
     "array_transform array_unique array_value cardinality element_at filter flatten "
     "generate_series list_any_value list_append list_apply list_avg list_cat list_concat "
     "list_contains list_count list_cosine_similarity list_distance list_distinct "
     "list_dot_product list_element list_extract list_filter list_first list_grade_up list_has "
     "list_has_all list_has_any list_histogram list_indexof list_inner_product list_intersect "
     "list_kurtosis list_last list_mad list_max list_median list_min list_mode list_pack "
     "list_position list_prepend list_product list_reduce list_reverse list_reverse_sort "
     "list_select list_skewness list_slice list_sort list_stddev_pop list_stddev_samp "
     "list_string_agg list_sum list_transform list_unique list_value list_var_pop list_var_samp "
     "list_where list_zip map map_contains map_entries map_extract map_extract_value "
     "map_from_entries map_keys map_values range reduce row struct_concat struct_extract "
     "struct_extract_at struct_insert struct_pack unnest"},
    {"Aggregates",
     "any_value approx_count_distinct approx_quantile approx_top_k arbitrary arg_max arg_max_null "
     "arg_min arg_min_null argmax argmin array_agg avg bit_and bit_or bit_xor bool_and bool_or "
     "corr count count_if count_star countif covar_pop covar_samp entropy favg first fsum geomean "
     "geometric_mean group_concat histogram kahan_sum kurtosis kurtosis_pop last list listagg mad "
     "max max_by mean median min min_by mode product quantile quantile_cont quantile_disc "
     "regr_avgx regr_avgy regr_count regr_intercept regr_r2 regr_slope regr_sxx regr_sxy regr_syy "
     "reservoir_quantile sem skewness stddev stddev_pop stddev_samp string_agg sum "
     "sum_no_overflow sumkahan var_pop var_samp variance weighted_avg wavg"},
    {"Windows",
     "row_number rank rank_dense dense_rank percent_rank cume_dist ntile lag lead first_value "
     "last_value nth_value fill"},
};

const std::unordered_set<std::string_view>& names() {
    static const auto set = [] {
        std::unordered_set<std::string_view> all;
        for (const FunctionGroup& group : groups) {
            std::string_view rest = group.names;
            while (!rest.empty()) {
                const std::size_t end = std::min(rest.find(' '), rest.size());
                all.insert(rest.substr(0, end));
                rest.remove_prefix(std::min(end + 1, rest.size()));
            }
        }
        return all;
    }();
    return set;
}

}  // namespace

std::span<const FunctionGroup> allowed_functions() { return groups; }

bool is_allowed_function(std::string_view lower_case_name) {
    return names().contains(lower_case_name);
}

bool is_allowed_table_function(std::string_view lower_case_name) {
    return lower_case_name == "generate_series" || lower_case_name == "range" ||
           lower_case_name == "unnest";
}

}  // namespace mw::query
