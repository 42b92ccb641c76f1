"""
What an answer and the conversation about it say, in English and Chinese. Read through `bot.slack.phrases`.
"""

from collections.abc import Mapping
from typing import Final

# Each phrase as (English, Chinese).
ANSWER_PHRASES: Final[Mapping[str, tuple[str, str]]] = {
    # While it works.
    "looking": ("Looking for the right modules…", "正在查找相关模块…"),
    "status": ("is looking for the right modules…", "正在查找相关模块…"),
    "ahead.one": ("1 question comes first", "前面还有 1 个问题"),
    "ahead.many": ("{number} questions come first", "前面还有 {number} 个问题"),
    "wait_seconds": ("about {number} s to go", "大约还要 {number} 秒"),
    "wait_minutes": ("about {number} min to go", "大约还要 {number} 分钟"),
    "no_worker": (
        "No worker is running at the moment; the question is kept and answered as soon as there is one.",
        "目前没有工作进程在运行；问题已保存，恢复后会立即回答。",
    ),
    # The answer.
    "asked": ("asked:", "问："),
    "asked_moved": (
        "I cannot write where you asked, so here is your answer.",
        "我无法在您提问的地方发言，所以在这里回答您。",
    ),
    "sure": ("Here is where this belongs", "应该在这里修改"),
    "too": ("belongs here, too", "也涉及这里"),
    "unsure": ("Not sure.", "不确定。"),
    "unsure_more": (
        "No module stands out. These come closest; please check before you build on them, "
        "or ask somebody who knows this code.",
        "没有哪个模块明显匹配。以下最接近，请先核实再动手，或者请教熟悉这部分代码的人。",
    ),
    "unsure_first": (
        "The first is the likeliest, but not by enough to rely on; please check it, "
        "or ask somebody who knows this code.",
        "第一个最有可能，但把握不足；请先核实再动手，或者请教熟悉这部分代码的人。",
    ),
    "off_topic": (
        "This does not look like a change to {repository}.",
        "这看起来不像是对 {repository} 的修改。",
    ),
    "off_topic_more": (
        "Say in a sentence what should change or what goes wrong; names of files or classes and error messages help.",
        "请用一句话说明要改什么或出了什么问题；写出文件名、类名或报错信息会有帮助。",
    ),
    "nearest_button": ("Show the nearest modules", "查看最接近的模块"),
    "nothing": ("No module matches this.", "没有匹配的模块。"),
    "nothing_more": (
        "Other words, or the name of a file or a symbol, may help.",
        "换一种说法，或写出文件名、符号名，可能会有帮助。",
    ),
    "word_0.75": ("very likely", "很可能"),
    "word_0.5": ("likely", "可能"),
    "word_0.25": ("possible", "有可能"),
    "word_0.0": ("a long shot", "可能性不大"),
    "more_files": ("and {number} more", "等，另有 {number} 个"),
    "writing": ("Writing the reasoning…", "正在撰写理由…"),
    "reasoning": ("Why", "理由"),
    "cut": ("Cut here; “Why?” shows all of it.", "此处已截断；点“为什么？”查看全文。"),
    "past": ("Past changes like this", "类似的历史改动"),
    "owners": ("Who knows it", "熟悉它的人"),
    "why_button": ("Why?", "为什么？"),
    "more_button": ("Show more", "查看更多"),
    "ask_button": ("Ask a human", "请教同事"),
    "ask_owner_button": ("Ask {owner}", "请教 {owner}"),
    "release": ("release", "版本"),
    "age.one": ("1 day old", "1 天前训练"),
    "age.many": ("{number} days old", "{number} 天前训练"),
    "age_today": ("trained today", "今天训练"),
    "ranked_in": ("ranked in {seconds} s", "排序用时 {seconds} 秒"),
    "vote_up": ("Right place", "位置正确"),
    "vote_down": ("Wrong place", "位置不对"),
    "vote_up_label": ("This answer names the right module", "这个回答给出了正确的模块"),
    "vote_down_label": ("This answer names the wrong modules", "这个回答给出的模块不对"),
    "failed": ("I could not answer this.", "我无法回答这个问题。"),
    "failed_more": (
        "Ask again in a new message. For whoever looks after me: question",
        "请发新消息再问一次。供维护者参考：问题编号",
    ),
    "summary_sure": ("Where this belongs", "应在这里修改"),
    "summary_unsure": ("Not sure; closest", "不确定；最接近"),
    # Why, and more.
    "why_title": ("Why this answer", "为什么这样回答"),
    "more_title": ("All candidates", "全部候选模块"),
    "close": ("Close", "关闭"),
    "evidence": ("Evidence", "依据"),
    "no_evidence": ("Nothing more specific was found than the ranking itself.", "除排序本身外，没有更具体的依据。"),
    "calibration": (
        "{percent} % for the first module: fitted on held-out requirements. How well that holds is in the release's "
        "scorecard.",
        "第一个模块的置信度为 {percent}%，在留出的需求上拟合；它有多可靠，见该版本的评分卡。",
    ),
    "this_one": ("It belongs here", "就是这里"),
    "not_this": ("Not here", "不是这里"),
    "you_said_this": ("You said: it belongs here.", "您说：就是这里。"),
    "you_said_not": ("You said: not here.", "您说：不是这里。"),
    "gone": ("That answer is no longer stored.", "这个回答已不再保存。"),
    # Votes.
    "thanks_up": (
        "Thank you. Your 👍 is stored and counts in the approval of this release. If you change your mind, your last "
        "vote counts.",
        "谢谢。您的 👍 已记录，计入该版本的认可度。若改变主意，以最后一次投票为准。",
    ),
    "thanks_down": (
        "Your 👎 is stored. If you say which module is right, the next model can learn it.",
        "您的 👎 已记录。如果告诉我正确的模块，下一个模型就能学到。",
    ),
    "say_which": ("Say what was right", "说明正确答案"),
    "not_a_member": (
        "Only members of the workspace where the question was asked can do that, on the answer itself.",
        "只有提问所在工作区的成员才能在回答上执行此操作。",
    ),
    "wrong_title": ("What was wrong?", "哪里不对？"),
    "wrong_intro": (
        "Your 👎 is counted already; closing this changes nothing.",
        "您的 👎 已经计入；关闭此窗口不会有任何影响。",
    ),
    "wrong_module": ("Which module is right?", "正确的模块是哪个？"),
    "wrong_search": ("Type a part of its name", "输入名称的一部分"),
    "wrong_what": ("What was wrong?", "哪里不对？"),
    "wrong_comment": ("Anything else", "其他说明"),
    "wrong_other": ("It belongs in another module", "应该在别的模块"),
    "wrong_order": ("The right module is named, but not first", "正确的模块提到了，但不是第一个"),
    "wrong_missing": ("A module is missing", "漏了某个模块"),
    "wrong_reasoning": ("The modules are right, the reasoning is not", "模块对了，理由不对"),
    "wrong_stale": ("The code has changed since", "代码已经变了"),
    "wrong_question": ("This is not about code here", "这与本仓库的代码无关"),
    "send": ("Send", "提交"),
    "thanks_title": ("Thank you", "谢谢"),
    "thanks_module": (
        "You said that this belongs in",
        "您说它应该在",
    ),
    "thanks_next": (
        "A lead reviews it, or a second person who says the same confirms it. Then the next training learns from it, "
        "and I tell you when a release that did is in use, with the new answer to this question.",
        "负责人会审核，或有第二个人这样说即视为确认。之后的训练会学习它；当学习过它的版本启用时，我会告诉您，并附上这个问题的新答案。",
    ),
    "thanks_comment": (
        "Your words are stored for whoever reviews the answers. Without a module no model can learn from them.",
        "您的意见已保存，供审核回答的人参考。没有指明模块，模型无法从中学习。",
    ),
    # News.
    "news": (
        "Release {release} learned from your correction, and is in use now.",
        "版本 {release} 已经学习了您的更正，并已启用。",
    ),
    "news_question": ("You had said where this belongs:", "您曾指出这个需求的位置："),
    "news_first": ("It now names your module first.", "现在您的模块排在第一位。"),
    "news_place": ("It now names your module in place {place}.", "现在您的模块排在第 {place} 位。"),
    "news_absent": (
        "It still does not name your module among the first ten; your correction stays in the next trainings.",
        "前十名里仍然没有您的模块；您的更正会继续用于后续训练。",
    ),
    # Asking a human.
    "asked_whom": (
        "I asked {who} and will post what they say in this thread.",
        "已请教 {who}；答复会发到这个讨论串里。",
    ),
    "asked_whom_already": (
        "I asked {who} before; what they say will be posted in this thread.",
        "之前已请教过 {who}；答复会发到这个讨论串里。",
    ),
    "asked_already": (
        "Somebody is being asked already; what they say will be posted in this thread.",
        "已经在请教了；答复会发到这个讨论串里。",
    ),
    "open_thread": ("Open the conversation", "打开对话"),
    "nobody_to_ask": (
        "I could not find anybody to ask: no owner of this module is in Slack under their commit e-mail, and no "
        "helpers are set (SIGNPOST_SLACK_HELPERS).",
        "找不到可以请教的人：没有哪位模块负责人能通过提交邮箱对应到 Slack 用户，也没有设置 SIGNPOST_SLACK_HELPERS。",
    ),
    "help_wanted": ("would like to know where this belongs:", "想知道这个需求应该改在哪里："),
    "help_why": (
        "You are asked because you know {module}. One click answers and teaches the next model; "
        "what you write in this thread is passed on, too.",
        "因为您熟悉 {module}，所以向您请教。点一下即可答复，并教会下一个模型；您在这个讨论串里写的话也会转达。",
    ),
    "help_why_group": (
        "Whoever knows: one click answers and teaches the next model; "
        "what you write to me in this thread is passed on, too.",
        "谁知道都可以：点一下即可答复，并教会下一个模型；您在这个讨论串里对我说的话也会转达。",
    ),
    "help_guess": ("What I would have said:", "我原本的猜测："),
    "help_this": ("This one", "就是这个"),
    "help_other": ("Another module…", "其他模块…"),
    "help_done": ("said that it belongs in", "认为应该在"),
    "help_closed": ("This was answered already.", "已经有人答复了。"),
    "reply_said": ("says:", "说："),
    "reply_passed_on": (
        "I passed that on. One click above also teaches the next model.",
        "已转达。在上面点一下，还能教会下一个模型。",
    ),
    "verdict": ("says that this belongs in", "认为应该改在"),
    "verdict_next": (
        "It counts as a confirmed correction: the next training learns from it.",
        "这是已确认的更正，下一次训练会学习它。",
    ),
    # Questions that cannot be.
    "shared_channel": (
        "I don't answer in channels that are shared with other organisations.",
        "我不在与其他组织共享的频道里回答。",
    ),
    "no_repository": (
        "I don't know any repository yet. Whoever looks after me can show me one with `signpost`.",
        "我还不了解任何仓库。维护者可以用 `signpost` 命令添加一个。",
    ),
    "not_stored": (
        "Your question could not be stored. Please ask again in a minute.",
        "您的问题未能保存，请稍后再问。",
    ),
    "help_short": (
        "Describe a change in a sentence or two, and I name the modules where it belongs.",
        "用一两句话描述要做的改动，我会指出它属于哪些模块。",
    ),
    "help": (
        "*I tell you where a change belongs.* Describe it in a sentence or two, for example: "
        "_where do I change how avoid-tolls routing is computed?_ "
        "You get the modules, best first, with reasons. Vote with 👍 or 👎: it makes the next model better.",
        "*我告诉您一处改动属于哪里。* 用一两句话描述它，例如：_在哪里修改避开收费路线的计算？_ "
        "您会得到按可能性排序的模块和理由。请用 👍 或 👎 投票，这会让下一个模型更好。",
    ),
    "you_are_welcome": (
        "You're welcome. If an answer was right, a 👍 below it tells those who look after me.",
        "不客气。如果回答正确，请在它下面点 👍，让维护我的人知道。",
    ),
    "shortcut_done": ("I am looking; the answer comes in the thread.", "正在查找；答案会发到讨论串里。"),
    "shortcut_empty": ("There are no words in that message.", "那条消息里没有文字。"),
}
