"""
Whether a text asks for a change to this code base at all, or is thanks, small talk or another product's question.

A small logistic model over what the shortlist found and how the text reads. Its weights are fitted once, over several
repositories, on texts written for it (`training/off_topic.py`), and lie in `off_topic.json`: one set for each
combination of what a release has, since a repository without history or encoder has fewer signs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Self

import numpy as np

from inference.shortlist import Shortlist
from inference.text import words

WEIGHTS = Path(__file__).with_name("off_topic.json")
_ASKS = re.compile(
    r"\b(add|adds|allow|apply|avoid|bug|cannot|can't|change|crash\w*|compute[sd]?|class|convert\w*|decides?|defined?|"
    r"disable|does(?:n't| not)|error\w*|exception|expose|fail\w*|file|fix|function|handle[sd]?|ignore[sd]?|"
    r"implement\w*|import\w*|export\w*|improve|instead|let|lost|loses|make|migrate|missing|must|module|needs?|option|"
    r"parse[sd]?|prefer|print\w*|reduce|remove|render\w*|returns?|setting|should|shows?|speed|support\w*|takes?|traceback|"
    r"update[sd]?|use|view|when|where|which|wrong)\b",
    re.IGNORECASE | re.ASCII,  # a word beside Chinese stands alone
)
_ASKS_CJK = re.compile(
    "支持|增加|添加|新增|修复|修改|改成|应该|需要|希望|实现|优化|删除|移除|报错|错误|异常|崩溃|失败|失效|不对|不正确|缺少|没有|无法|"
    "哪里|哪个|接口|模块|函数|显示|隐藏|导入|导出|返回|设置|配置|筛选|选项|機能|追加|修正|対応"
)
_CHATS = re.compile(
    r"\b(thanks?|thank you|thx|ty|cheers|hi|hello|hey|good (?:morning|evening|night|afternoon)|lol|haha\w*|awesome|"
    r"great|nice|cool|perfect|happy|love|lunch|coffee|weekend|holiday|vacation|sick|meeting|office|tomorrow|today|"
    r"yesterday|tonight|monday|friday|everyone|anybody|anyone|somebody|someone|guys|folks)\b",
    re.IGNORECASE | re.ASCII,  # a word beside Chinese stands alone
)
_CHATS_CJK = re.compile(
    "谢谢|感谢|辛苦|你好|您好|早上好|晚安|哈哈|吃什么|今天|明天|昨天|周末|请假|开会|会议|天气|在吗|午饭|首都"
)
_SELF = re.compile(r"\b(i|i'm|i've|my|me|you|your|who|whom)\b", re.IGNORECASE | re.ASCII)
_CODE = re.compile(r"`|\w+\.\w+\(|\b[a-z]+[A-Z]\w*|\w_\w|::|\(\)|\b\w+\.\w{2,4}:\d+|^\s*(?:at|File) ", re.MULTILINE)
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


def signs(requirement: str, shortlist: Shortlist) -> dict[str, float]:
    """
    Give what speaks for and against a requirement: how the text meets the code base, and how it reads.

    Names that a release cannot have (no history, no encoder) are left out.
    """
    count = len(words(requirement))
    cjk = bool(_CJK.search(requirement))
    form = {
        "length": float(np.log1p(min(count, 60))),
        "asks": float(min(len(_ASKS.findall(requirement)) + len(_ASKS_CJK.findall(requirement)), 4)),
        "chats": float(min(len(_CHATS.findall(requirement)) + len(_CHATS_CJK.findall(requirement)), 3)),
        "self": float(min(len(_SELF.findall(requirement)), 3)),
        "code": float(min(len(_CODE.findall(requirement)), 3)),
        "chinese": float(cjk),
    }
    return form | shortlist.closeness(requirement)


@dataclass(frozen=True, slots=True)
class OffTopic:
    """
    One logistic model.

    Args:
        means, scales: Of each sign, as it was fitted.
        weights: Worth of each sign.
        bias: Log-odds at the means.
        threshold: Below this probability a text is taken for no requirement.
    """

    means: dict[str, float]
    scales: dict[str, float]
    weights: dict[str, float]
    bias: float
    threshold: float

    def probability(self, found: Mapping[str, float]) -> float:
        """
        Give the probability that the text with these signs is a requirement.
        """
        odds = self.bias + sum(
            weight * (found[name] - self.means[name]) / self.scales[name] for name, weight in self.weights.items()
        )
        return float(1.0 / (1.0 + np.exp(-odds)))

    def is_requirement(self, found: Mapping[str, float]) -> bool:
        return self.probability(found) >= self.threshold

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        return cls(**value)


def variant(*, history: bool, encoder: str | None) -> str:
    """
    Name the weights for what a release has; another encoder than the one they were fitted with is as good as none.
    """
    known = encoder is not None and encoder == _stored()["encoder"]
    return f"{'history' if history else 'code'}{' and encoder' if known else ''}"


def load_off_topic(name: str) -> OffTopic:
    """
    Give the weights called *name*, see `variant`.
    """
    return OffTopic.from_json(_stored()["models"][name])


@cache
def _stored() -> dict[str, Any]:
    stored: dict[str, Any] = json.loads(WEIGHTS.read_text(encoding="utf-8"))
    return stored
