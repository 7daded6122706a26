//! What spans mean together: trees, self time, critical paths, percentiles. Pure functions over the store's read view.
//! May import `store` and everything below it.

mod bill;
mod critical_path;
mod limits;
mod percentile;
mod places;
mod report;
mod spend;
mod tree;

pub use bill::{Doubt, DoubtKind};
pub use critical_path::{Section, critical_path};
pub use limits::{Finding, Judged, Limit, Measure, RunSum, Verdict, judge, run_sums};
pub use percentile::{Percentiles, nearest_rank};
pub use report::{CostSources, Figures, Group, Report};
pub use spend::{BudgetLevel, Burn, FIVE_MINUTES, MINUTE, PastRuns, Seconds, Spend, UsualCost};
pub use tree::{Node, NodeIx, TraceTree, TreeRows};
