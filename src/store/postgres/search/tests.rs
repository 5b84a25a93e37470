//! Every query that people or engines repeat keeps to an index because the planner finds it cheapest: on tables that are
//! filled and analysed, with sequential scans allowed.

use tokio_postgres::Client;
use tokio_postgres::types::ToSql;

use super::{Bound, Many, Place, Search, Types, choose, with_bodies};
use crate::fhir::search::{Key, Query, SortKey, parameters, parse_text};
use crate::store::postgres::connection::Address;
use crate::store::postgres::migration;
use crate::store::row::{is_link, param, text_param};

const VARIABLE: &str = "VIGIE_TEST_POSTGRES_URL";

/// Tables that are filled, and temporary: nothing is left of them when the connection ends.
struct Filled {
    client: Client,
    types: Types,
    /// What is not as it should be.
    faults: Vec<String>,
}

impl Filled {
    #[expect(clippy::disallowed_methods, reason = "a test asks where its database is")]
    async fn new() -> Option<Self> {
        let Ok(url) = std::env::var(VARIABLE) else {
            use std::io::Write as _;
            // On the terminal itself: what a test prints is shown only when it fails.
            let _ = writeln!(std::io::stderr(), "NOT RUN: the plans of PostgreSQL need {VARIABLE}");
            return None;
        };
        let (mut client, _) = Address::parse(&url).unwrap().connect().await.unwrap();
        client.batch_execute("SET search_path = pg_temp").await.unwrap();
        let (types, _) = migration::migrate(&mut client).await.unwrap();
        client.batch_execute(&rows()).await.unwrap();
        client.batch_execute("ANALYZE; SET enable_seqscan = on").await.unwrap();
        let allowed = client.query_one("SHOW enable_seqscan", &[]).await.unwrap();
        assert_eq!(allowed.get::<_, &str>(0), "on");
        Some(Self { client, types, faults: Vec::new() })
    }

    async fn explained(&self, search: &Search) -> String {
        let values: Vec<&(dyn ToSql + Sync)> = search.values.iter().map(value).collect();
        let statement = self.client.prepare(&format!("EXPLAIN {}", search.text)).await.unwrap();
        let rows = self.client.query(&statement, &values).await.unwrap();
        rows.iter().map(|row| row.get::<_, &str>(0).to_owned()).collect::<Vec<_>>().join("\n")
    }

    /// The plan of a page in the middle, and that of the same page with its bodies.
    async fn plans(&self, query: &Query) -> [String; 2] {
        let plan = choose(Place { client: &self.client, types: &self.types }, query).await.unwrap();
        let middle = |key: Option<SortKey>| match key {
            Some(SortKey::Urgency) => Key::Number(2),
            Some(_) => Key::Number(10_000_000),
            None => Key::Number(10_000),
        };
        let keys: Vec<Key> = plan.order.keys().iter().map(|sorted| middle(sorted.key)).collect();
        let after = (!plan.order.sorts_all()).then_some(keys.as_slice());
        let select = plan.select(query, after, 50);
        [
            self.explained(&Search::of(&select, &self.types)).await,
            self.explained(&with_bodies(Search::of(&select, &self.types), &plan.order, 16 << 20)).await,
        ]
    }

    /// Every table is read by an index, this one among them.
    async fn keeps_to(&mut self, rtype: &str, text: &str, index: &str) -> String {
        let [matches, page] = self.plans(&parse_text(rtype, text).unwrap()).await;
        for plan in [&matches, &page] {
            if plan.contains("Seq Scan") {
                self.faults.push(format!("{rtype}?{text} reads a whole table:\n{plan}"));
            }
            if !plan.contains(index) {
                self.faults.push(format!("{rtype}?{text} does not use {index}:\n{plan}"));
            }
        }
        matches
    }

    /// The same, and the index yields the order: nothing is sorted, but for what is a page already.
    async fn follows(&mut self, rtype: &str, text: &str, index: &str) {
        let plan = self.keeps_to(rtype, text, index).await;
        let lines: Vec<&str> = plan.lines().collect();
        // A sort, its key, and what it sorts.
        let sorts = |lines: &[&str]| lines[0].contains("Sort  (") && !lines[2].contains("Limit  (");
        if lines.windows(3).any(sorts) {
            self.faults.push(format!("{rtype}?{text} sorts:\n{plan}"));
        }
    }
}

fn value(value: &Bound) -> &(dyn ToSql + Sync) {
    match value {
        Bound::Number(number) => number,
        Bound::Text(text) => text,
    }
}

/// Codes and references, one by one.
const EACH: &str =
    "CREATE TABLE each_token (param BIGINT, code TEXT COLLATE \"C\", rid BIGINT, system BIGINT);
     CREATE TABLE each_link (LIKE each_token);";
/// The same as they are kept.
const TOGETHER: &str = "INSERT INTO token_run (param, code, block, system, low, last, bits)
       SELECT param, code, rid / 64, system, min(rid % 64), max(rid % 64), bit_or(1::bigint << (rid % 64)::int)
       FROM each_token GROUP BY param, code, rid / 64, system;
     INSERT INTO link_run (param, code, block, low, last, bits)
       SELECT param, code, rid / 64, min(rid % 64), max(rid % 64), bit_or(1::bigint << (rid % 64)::int)
       FROM each_link GROUP BY param, code, rid / 64;";

/// 400 patients with 60,000 tasks, observations and responses, most of them done.
fn rows() -> String {
    let number = |rtype: &str, name: &str| {
        let found = parameters(rtype).iter().find(|parameter| parameter.name == name);
        found.unwrap_or_else(|| panic!("{rtype}.{name}"))
    };
    let of = |rtype: &str, name: &str| param(number(rtype, name));
    let code = |rtype: &str| format!("(SELECT code FROM resource_type WHERE name = '{rtype}')");
    let resources = |rtype: &str, first: usize, count: usize| {
        format!(
            "INSERT INTO resource SELECT n, {code}, 'r' || n, n, 1, n * 1000, 0, -1, n % 5, n * 1000, n * 1000 + 1,
               'Patient/r' || (1 + n % 400), 'Practitioner/n' || n % 20,
               CASE WHEN n % 10 = 0 THEN 'requested' ELSE 'completed' END
             FROM generate_series({first}, {last}) n;",
            code = code(rtype),
            last = first + count - 1
        )
    };
    let tokens = |number: i64, value: &str, rtype: &str| {
        let link = if is_link(number) { "link" } else { "token" };
        format!(
            "INSERT INTO each_{link} SELECT {number}, {value}, rid, 0 FROM resource WHERE rtype = {};",
            code(rtype)
        )
    };
    let mut sql = EACH.to_owned();
    for (rtype, first, count) in [
        ("Patient", 1, 400),
        ("Task", 401, 20_000),
        ("Observation", 20_401, 20_000),
        ("QuestionnaireResponse", 40_401, 20_000),
        ("Organization", 60_401, 10),
    ] {
        sql.push_str(&resources(rtype, first, count));
    }
    sql.push_str("UPDATE resource SET subject = NULL, owner = NULL, status = NULL WHERE rid <= 400;");
    sql.push_str(
        "INSERT INTO version SELECT seq, seq, rtype, rid, 1, last_updated, 0, 0, 300, 0, decode(repeat('ab', 300), 'hex')
         FROM resource;
         INSERT INTO unit SELECT seq, 'test', last_updated, last_updated, seq FROM resource;",
    );
    for (number, value, rtype) in [
        (of("Patient", "identifier"), "'i' || rid", "Patient"),
        (of("Task", "identifier"), "'i' || rid", "Task"),
        (of("Task", "code"), "'c' || rid % 5", "Task"),
        (of("Task", "based-on"), "'CarePlan/c' || rid", "Task"),
        (of("Observation", "code"), "'c' || rid % 5", "Observation"),
        (of("QuestionnaireResponse", "questionnaire"), "'https://q.example/w'", "QuestionnaireResponse"),
    ] {
        sql.push_str(&tokens(number, value, rtype));
    }
    // As many other parameters as resources have, so that any one of them, and any code, is seldom among all tokens.
    sql.push_str(&format!(
        "INSERT INTO each_token SELECT 1 + n % 90, 'other ' || n % 700, 401 + n % 60000, n FROM generate_series(1, 200000) n;
         INSERT INTO each_link SELECT {link}, 'CarePlan/o' || rid % 700, rid, 0 FROM resource;",
        link = of("Observation", "based-on"),
    ));
    sql.push_str(TOGETHER);
    sql.push_str(&format!(
        "INSERT INTO text SELECT {}, 'test-' || rid, rid, 'TEST-' || rid FROM resource WHERE rid <= 400;
         INSERT INTO text SELECT {}, 'appel ' || rid, rid, 'Appel ' || rid FROM resource WHERE rid BETWEEN 401 AND 20400;
         INSERT INTO shown SELECT {}, n, 0, 'acte ' || n, 'c' || n % 5 FROM generate_series(1, 2000) n;
         INSERT INTO span SELECT rid, {}, dated_at, dated_to FROM resource WHERE rid BETWEEN 401 AND 20400;
         INSERT INTO part SELECT rid, {}, 0, 0, 'Cel', 0, '', lpad(rid::text, 9, '0'), lpad(rid::text, 9, '0'), 0, '', ''
           FROM resource WHERE rid BETWEEN 20401 AND 40400;",
        of("Patient", "family"),
        text_param(number("Task", "code")),
        of("Task", "code"),
        of("Task", "period"),
        of("Observation", "value-quantity"),
    ));
    sql
}

#[tokio::test]
async fn every_query_that_is_repeated_keeps_to_an_index_of_its_own_accord() {
    let Some(mut filled) = Filled::new().await else { return };
    // The worklist.
    filled.follows("Task", "status=requested&_sort=-priority,authored-on", "resource_status").await;
    filled.follows("Task", "status=requested,accepted,in-progress", "resource_status").await;
    filled
        .follows("Task", "status=requested&code:not=c1&_sort=priority,-authored-on", "resource_status")
        .await;
    filled.follows("Task", "owner=Practitioner/n1&status=requested", "resource_owned").await;
    // Each priority is a list of its own, and no more of it is read than a page.
    for text in ["status=completed&priority=stat,asap,urgent", "owner=Practitioner/n1&priority=stat,asap"] {
        let plan = filled.keeps_to("Task", text, "urgency = ").await;
        assert!(!plan.contains("Bitmap") && plan.matches("Limit").count() > 2, "{text}:\n{plan}");
    }
    filled
        .follows("Task", "owner=Practitioner/n1&status=requested&_sort=-authored-on", "resource_owned")
        .await;
    filled.follows("Task", "owner=Practitioner/n1", "resource_owner").await;
    // What is about a patient.
    filled.follows("Task", "patient=r7", "resource_subject").await;
    filled.follows("Task", "patient=r7&status=requested&_sort=-authored-on", "resource_subject").await;
    filled.follows("Observation", "patient=r7&code=c1&date=ge1970&_sort=date", "resource_subject").await;
    let history = "patient=r7&questionnaire=https://q.example/w&status=completed,amended&_sort=-authored";
    filled.follows("QuestionnaireResponse", history, "resource_subject").await;
    // The feed, and lists by date.
    filled
        .follows("Task", "_lastUpdated=gt1970-01-01T00:00:10Z&_sort=_lastUpdated", "resource_updated")
        .await;
    filled.follows("Task", "_sort=-_lastUpdated", "resource_updated").await;
    filled.follows("Task", "authored-on=lt2026-01-01&_sort=-authored-on", "resource_dated").await;
    filled
        .follows("Observation", "date=ge1970-01-01T00:00:30Z&date=lt1970-01-01T00:00:31Z", "resource_dated")
        .await;
    filled.follows("Organization", "", "resource_created").await;
    // What is not rare is walked along its rows.
    filled.follows("Observation", "code=c1", "token_run_pkey").await;
    filled.follows("Observation", "code=|c1&_count=50", "token_run_pkey").await;
    // Every third resource is a Task: those created last are found by walking back over all.
    filled.follows("Task", "", "resource_pkey").await;
    // What is rare leads: its few matches are sorted.
    filled.keeps_to("Patient", "identifier=i7", "token_run_pkey").await;
    filled.keeps_to("Task", "identifier=i500,i501", "token_run_pkey").await;
    // Its rows are known before anything else is read, however many the planner takes them for: each response asks who
    // was merged into its patient, which nearly nobody was.
    for (rtype, text, index) in [
        ("Patient", "link=Patient/r7", "link_run_pkey"),
        ("Patient", "identifier=i7", "token_run_pkey"),
        ("Task", "identifier=i500", "token_run_pkey"),
    ] {
        let plan = filled.keeps_to(rtype, text, index).await;
        assert!(plan.contains("InitPlan"), "{rtype}?{text}:\n{plan}");
    }
    filled.keeps_to("Task", "based-on=CarePlan/c500&status=requested&_sort=-priority", "link_run_pkey").await;
    filled.keeps_to("Patient", "family=test-7&_sort=family", "text_folded").await;
    filled.keeps_to("Task", "_id=r500", "resource_id").await;
    // What looks beyond the resource, or into its parts.
    filled.keeps_to("Task", "patient.identifier=i7", "token_run_pkey").await;
    filled.keeps_to("Task", "patient.family=test-7&status=requested", "text_folded").await;
    filled.keeps_to("Patient", "_has:Task:patient:identifier=i500", "token_run_pkey").await;
    for (text, index) in [("appel 500", "text_folded"), ("acte 500", "shown_pkey")] {
        filled.keeps_to("Task", &format!("code:text={text}"), index).await;
    }
    filled.keeps_to("Task", "patient=r7&period=ge1970-01-01T00:00:10Z", "span_pkey").await;
    filled.keeps_to("Observation", "patient=r7&value-quantity=gt38", "part_of").await;
    filled.keeps_to("Observation", "patient=r7&code-value-quantity=c1$gt38", "part_of").await;
    // What is sorted by something that no index has in order is told by the resource, or looked up for it alone.
    let by_code = filled.keeps_to("Task", "patient=r7&_sort=code,-priority", "resource_subject").await;
    assert!(!by_code.contains("token"), "{by_code}");
    filled.keeps_to("Patient", "_id=r7&_sort=family", "resource_id").await;
    // What ended before is not looked at.
    let since =
        filled.keeps_to("Observation", "patient=r7&date=ge1970-01-01T00:00:30Z", "resource_subject").await;
    let by_end = |line: &str| line.contains("Index Cond") && line.contains("dated_to >");
    assert!(since.lines().any(by_end), "{since}");
    filled.keeps_to("Task", "patient=r7&_sort=-period", "span_pkey").await;
    assert!(filled.faults.is_empty(), "\n{}", filled.faults.join("\n\n"));
}

/// What many decisions gather at once, planned without a look at the values, as lanes ask it.
#[tokio::test]
async fn what_many_ask_in_one_statement_keeps_to_the_index_of_each() {
    let Some(filled) = Filled::new().await else { return };
    let lane =
        "SET plan_cache_mode = force_generic_plan; SET enable_hashjoin = off; SET enable_mergejoin = off";
    filled.client.batch_execute(lane).await.unwrap();
    let history =
        "subject=Patient/r7&questionnaire=https://q.example/w&status=completed,amended&_sort=-authored";
    for (rtype, text, index) in [
        ("Task", "patient=r7&status=requested,accepted", "resource_subject"),
        ("QuestionnaireResponse", history, "resource_subject"),
        ("Patient", "link=Patient/r7", "link_run_pkey"),
    ] {
        let many = Many::of(&parse_text(rtype, text).unwrap(), &filled.types).unwrap().unwrap();
        filled.client.batch_execute(&format!("PREPARE many AS {}", many.text())).await.unwrap();
        let values = many.search.values.iter().map(|value| match value {
            Bound::Number(number) => format!("ARRAY[{number}]"),
            Bound::Text(text) => format!("ARRAY['{text}']"),
        });
        let values: Vec<_> = values.collect();
        let explain = format!("EXPLAIN EXECUTE many ({})", values.join(", "));
        let rows = filled.client.query(&explain, &[]).await.unwrap();
        let rows: Vec<_> = rows.iter().map(|row| row.get::<_, &str>(0)).collect();
        let rows = rows.join("\n");
        filled.client.batch_execute("DEALLOCATE many").await.unwrap();
        assert!(
            rows.contains(index) && !rows.contains("Seq Scan") && !rows.contains("Bitmap"),
            "{text}:\n{rows}"
        );
    }
}
