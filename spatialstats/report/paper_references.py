"""The works that a methods paragraph may cite, as BibTeX: compare each with its publisher's record."""

from __future__ import annotations

from collections.abc import Iterable

Entry = tuple[str, dict[str, str]]


def _paper(author: str, title: str, where: str, year: int, **more: str) -> Entry:
    return "inproceedings", {"author": author, "title": title, "booktitle": where, "year": str(year), **more}


def _article(author: str, title: str, journal: str, year: int, **more: str) -> Entry:
    return "article", {"author": author, "title": title, "journal": journal, "year": str(year), **more}


def _arxiv(author: str, title: str, number: str, year: int) -> Entry:
    return "misc", {
        "author": author,
        "title": title,
        "year": str(year),
        "eprint": number,
        "archiveprefix": "arXiv",
    }


REFERENCES: dict[str, Entry] = {
    "chattopadhyay2020": _arxiv(
        "Chattopadhyay, Nandish and Zhi, Lionell Yip En and Xing, Bryan Tan Bing and Chattopadhyay, Anupam",
        "Spatially Correlated Patterns in Adversarial Images",
        "2011.10794",
        2020,
    ),
    "krizhevsky2009": (
        "techreport",
        {
            "author": "Krizhevsky, Alex",
            "title": "Learning Multiple Layers of Features from Tiny Images",
            "institution": "University of Toronto",
            "year": "2009",
        },
    ),
    "xiao2017": _arxiv(
        "Xiao, Han and Rasul, Kashif and Vollgraf, Roland",
        "{Fashion-MNIST}: a Novel Image Dataset for Benchmarking Machine Learning Algorithms",
        "1708.07747",
        2017,
    ),
    "madry2018": _paper(
        "Madry, Aleksander and Makelov, Aleksandar and Schmidt, Ludwig and Tsipras, Dimitris and "
        "Vladu, Adrian",
        "Towards Deep Learning Models Resistant to Adversarial Attacks",
        "International Conference on Learning Representations",
        2018,
    ),
    "goodfellow2015": _paper(
        "Goodfellow, Ian J. and Shlens, Jonathon and Szegedy, Christian",
        "Explaining and Harnessing Adversarial Examples",
        "International Conference on Learning Representations",
        2015,
    ),
    "dong2018": _paper(
        "Dong, Yinpeng and Liao, Fangzhou and Pang, Tianyu and Su, Hang and Zhu, Jun and Hu, Xiaolin and "
        "Li, Jianguo",
        "Boosting Adversarial Attacks with Momentum",
        "IEEE Conference on Computer Vision and Pattern Recognition",
        2018,
    ),
    "rony2019": _paper(
        "Rony, J{\\'e}r{\\^o}me and Hafemann, Luiz G. and Oliveira, Luiz S. and Ben Ayed, Ismail and "
        "Sabourin, Robert and Granger, Eric",
        "Decoupling Direction and Norm for Efficient Gradient-Based {L2} Adversarial Attacks and Defenses",
        "IEEE Conference on Computer Vision and Pattern Recognition",
        2019,
    ),
    "croce2019": _paper(
        "Croce, Francesco and Hein, Matthias",
        "Sparse and Imperceivable Adversarial Attacks",
        "IEEE International Conference on Computer Vision",
        2019,
    ),
    "croce2020": _paper(
        "Croce, Francesco and Hein, Matthias",
        "Reliable Evaluation of Adversarial Robustness with an Ensemble of Diverse Parameter-free Attacks",
        "International Conference on Machine Learning",
        2020,
    ),
    "andriushchenko2020": _paper(
        "Andriushchenko, Maksym and Croce, Francesco and Flammarion, Nicolas and Hein, Matthias",
        "{Square Attack}: a Query-efficient Black-box Adversarial Attack via Random Search",
        "European Conference on Computer Vision",
        2020,
    ),
    "rao2020": _paper(
        "Rao, Sukrut and Stutz, David and Schiele, Bernt",
        "Adversarial Training against Location-Optimized Adversarial Patches",
        "European Conference on Computer Vision Workshops",
        2020,
    ),
    "sundararajan2017": _paper(
        "Sundararajan, Mukund and Taly, Ankur and Yan, Qiqi",
        "Axiomatic Attribution for Deep Networks",
        "International Conference on Machine Learning",
        2017,
    ),
    "simonyan2013": _arxiv(
        "Simonyan, Karen and Vedaldi, Andrea and Zisserman, Andrew",
        "Deep Inside Convolutional Networks: Visualising Image Classification Models and Saliency Maps",
        "1312.6034",
        2013,
    ),
    "smilkov2017": _arxiv(
        "Smilkov, Daniel and Thorat, Nikhil and Kim, Been and Vi{\\'e}gas, Fernanda and Wattenberg, Martin",
        "{SmoothGrad}: removing noise by adding noise",
        "1706.03825",
        2017,
    ),
    "selvaraju2017": _paper(
        "Selvaraju, Ramprasaath R. and Cogswell, Michael and Das, Abhishek and Vedantam, Ramakrishna and "
        "Parikh, Devi and Batra, Dhruv",
        "{Grad-CAM}: Visual Explanations from Deep Networks via Gradient-Based Localization",
        "IEEE International Conference on Computer Vision",
        2017,
    ),
    "zeiler2014": _paper(
        "Zeiler, Matthew D. and Fergus, Rob",
        "Visualizing and Understanding Convolutional Networks",
        "European Conference on Computer Vision",
        2014,
    ),
    "otsu1979": _article(
        "Otsu, Nobuyuki",
        "A Threshold Selection Method from Gray-Level Histograms",
        "IEEE Transactions on Systems, Man, and Cybernetics",
        1979,
        volume="9",
        number="1",
        pages="62--66",
    ),
    "shapley1953": (
        "incollection",
        {
            "author": "Shapley, Lloyd S.",
            "title": "A Value for n-Person Games",
            "booktitle": "Contributions to the Theory of Games {II}",
            "publisher": "Princeton University Press",
            "year": "1953",
        },
    ),
    "hemerik2018": _article(
        "Hemerik, Jesse and Goeman, Jelle",
        "Exact Testing with Random Permutations",
        "TEST",
        2018,
        volume="27",
        number="4",
        pages="811--825",
    ),
    "phipson2010": _article(
        "Phipson, Belinda and Smyth, Gordon K.",
        "Permutation P-values Should Never Be Zero: Calculating Exact P-values When Permutations Are "
        "Randomly Drawn",
        "Statistical Applications in Genetics and Molecular Biology",
        2010,
        volume="9",
        number="1",
    ),
    "hesterberg2015": _article(
        "Hesterberg, Tim C.",
        "What Teachers Should Know About the Bootstrap: Resampling in the Undergraduate Statistics "
        "Curriculum",
        "The American Statistician",
        2015,
        volume="69",
        number="4",
        pages="371--386",
    ),
    "wilson1927": _article(
        "Wilson, Edwin B.",
        "Probable Inference, the Law of Succession, and Statistical Inference",
        "Journal of the American Statistical Association",
        1927,
        volume="22",
        pages="209--212",
    ),
    "newcombe1998": _article(
        "Newcombe, Robert G.",
        "Improved Confidence Intervals for the Difference Between Binomial Proportions Based on Paired Data",
        "Statistics in Medicine",
        1998,
        volume="17",
        pages="2635--2650",
    ),
    "knutsson1993": _paper(
        "Knutsson, Hans and Westin, Carl-Fredrik",
        "Normalized and Differential Convolution",
        "IEEE Conference on Computer Vision and Pattern Recognition",
        1993,
    ),
    "bertalmio2000": _paper(
        "Bertalmio, Marcelo and Sapiro, Guillermo and Caselles, Vicent and Ballester, Coloma",
        "Image Inpainting",
        "ACM SIGGRAPH",
        2000,
    ),
    "chattopadhyay2025": _paper(
        "Chattopadhyay, Nandish and others",
        "{ODDR}: Outlier Detection \\& Dimension Reduction Based Defense Against Adversarial Patches",
        "IEEE International Conference on Computer Vision",
        2025,
    ),
    "tramer2020": _paper(
        "Tram{\\`e}r, Florian and Carlini, Nicholas and Brendel, Wieland and Madry, Aleksander",
        "On Adaptive Attacks to Adversarial Example Defenses",
        "Advances in Neural Information Processing Systems",
        2020,
    ),
}
"""Key to kind of entry and its fields."""

OF_DATA = {"cifar10": "krizhevsky2009", "fashion-mnist": "xiao2017"}
OF_ATTACK = {
    "pgd-linf": "madry2018",
    "pgd-l2": "madry2018",
    "fgsm": "goodfellow2015",
    "mi-fgsm": "dong2018",
    "ddn": "rony2019",
    "sparse": "croce2019",
    "apgd": "croce2020",
    "square": "andriushchenko2020",
    "patch": "rao2020",
}
OF_IMPORTANCE = {
    "integrated-gradients": "sundararajan2017",
    "saliency": "simonyan2013",
    "smoothgrad": "smilkov2017",
    "grad-cam": "selvaraju2017",
    "occlusion": "zeiler2014",
}
OF_FILL = {"inpaint": "bertalmio2000", "blur": "knutsson1993", "svd": "chattopadhyay2025"}


def bibliography(keys: Iterable[str]) -> str:
    """BibTeX of the works under the given keys, in their order."""
    parts = []
    for key in dict.fromkeys(keys):
        kind, fields = REFERENCES[key]
        lines = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields.items())
        parts.append(f"@{kind}{{{key},\n{lines}\n}}\n")
    return "\n".join(parts)
