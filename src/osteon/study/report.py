"""``[report]``: what no table of a run knows, and only the authors can tell."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from osteon.study.settings import Once, Settings

_Said = Annotated[str, Field(max_length=4000)]


class Report(Settings):
    """``[report]``: what only the authors know, for manuscript, report and checklists; nothing is fitted anew by it.

    Attributes:
        setting: Hospitals and departments, and where the data come from.
        dates: From when to when cases were gathered.
        design: Prospective or retrospective, consecutive or chosen.
        eligibility: Who could be in, and who could not.
        sample_size: Why there are as many cases as there are.
        acquisition: Machines, views, exposure.
        reference_standard: What the truth is, who read it, and how disagreement was settled.
        blinding: What those who judged knew of each other and of the models.
        interval: The time between radiograph and reference standard.
        annotators: Who drew boxes and outlines, with what experience, and how far they agree.
        treatments: What was done between radiograph and reference standard.
        deidentification: How identities were removed.
        intended_use: For whom, by whom, and at which step of care.
        ethics: Approval and consent.
        registration: Number and registry.
        protocol: Where the protocol can be read.
        public_involvement: How patients and the public took part.
        funding: Who paid, and what their role was.
        conflicts: Conflicts of interest.
        data_availability: How data can be had.
        code_availability: How the code can be had.
        model_availability: How the fitted models can be had.
        metrics: Numbers of METRICS items that the authors hold fulfilled, beside those that the run shows.
    """

    setting: _Said = ""
    dates: _Said = ""
    design: _Said = ""
    eligibility: _Said = ""
    sample_size: _Said = ""
    acquisition: _Said = ""
    reference_standard: _Said = ""
    blinding: _Said = ""
    interval: _Said = ""
    annotators: _Said = ""
    treatments: _Said = ""
    deidentification: _Said = ""
    intended_use: _Said = ""
    ethics: _Said = ""
    registration: _Said = ""
    protocol: _Said = ""
    public_involvement: _Said = ""
    funding: _Said = ""
    conflicts: _Said = ""
    data_availability: _Said = ""
    code_availability: _Said = ""
    model_availability: _Said = ""
    metrics: Annotated[tuple[Annotated[int, Field(ge=1, le=30)], ...], Once] = ()

    @property
    def told(self) -> dict[str, str]:
        """What was said, by field, in the fields' order."""
        return {name: text.strip() for name, text in self.model_dump(exclude={"metrics"}).items() if text.strip()}
