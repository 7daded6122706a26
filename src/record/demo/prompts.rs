//! What prompts and answers of the ticket workflow say, put together from a ticket's texts.

use super::ticket::TicketRun;

impl TicketRun<'_> {
    /// The first files with their paths.
    pub(super) fn code(&self, files: usize) -> String {
        lines(self.ticket.files.iter().take(files), |file| format!("// {}\n{}", file.path, file.code))
    }

    /// The findings as a list.
    pub(super) fn findings(&self) -> String {
        lines(&self.ticket.findings, |finding| format!("- [{}] {}", finding.severity, finding.text))
    }

    /// Questions with their answers.
    pub(super) fn answers(&self) -> String {
        let pairs = self.ticket.questions.iter().zip(&self.ticket.answers);
        lines(pairs, |(question, answer)| format!("Q: {question}\nA: {answer}"))
    }

    /// What the agent says about the code.
    pub(super) fn context_summary(&self) -> String {
        let ticket = self.ticket;
        let files = lines(&ticket.files, |file| {
            let first = file.code.lines().next().unwrap_or_default();
            format!("- {} begins with `{first}` and is what has to change.", file.path)
        });
        format!(
            "What matters for \"{}\" in {}:\n{files}The tests beside {} do not cover this case yet.",
            ticket.intent, ticket.repo, ticket.area
        )
    }

    /// The ticket, before or after the author answered.
    pub(super) fn draft_text(&self, refined: bool) -> String {
        let ticket = self.ticket;
        let criteria = lines(&ticket.criteria, |line| format!("- [ ] {line}"));
        let files = lines(&ticket.files, |file| format!("- `{}`", file.path));
        let decisions = if refined { format!("\n## Decisions\n{}", self.answers()) } else { String::new() };
        format!(
            "# {}\n\n## Problem\n{}\n\n## What to build\n{}\n\n## Acceptance criteria\n{criteria}\n## Files\n{files}\n## \
             Risks\n{}{decisions}",
            ticket.title,
            ticket.request,
            ticket.intent,
            self.findings()
        )
    }
}

/// A numbered list.
pub(super) fn numbered(items: &[String]) -> String {
    lines(items.iter().enumerate(), |(n, item)| format!("{}. {item}", n + 1))
}

/// One line for each item.
pub(super) fn lines<T>(items: impl IntoIterator<Item = T>, line: impl Fn(T) -> String) -> String {
    items.into_iter().map(|item| line(item) + "\n").collect()
}
