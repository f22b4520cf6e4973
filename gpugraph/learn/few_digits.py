"""320 handwritten digits, for readers without scikit-learn: a part of what it brings along.

Source: E. Alpaydin, C. Kaynak, "Optical Recognition of Handwritten Digits", UCI, 1998 (CC BY 4.0).
"""

from __future__ import annotations

import base64
import zlib

import numpy as np

from ..data import ArrayDataset

__all__ = ["few_digits"]


def few_digits(split: str) -> ArrayDataset:
    """The first 24 ("train") or 8 ("test") of each class of `gpugraph.data.digits(split)`.

    Items as there: image float32 (1, 8, 8) in 0 to 1, label int64; labels 0 to 9, again and again.
    """
    raw = np.frombuffer(zlib.decompress(base64.b85decode(PACKED.replace("\n", ""))), np.uint8)
    pixels = raw.reshape(-1, 1, 8, 8)
    chosen = pixels[:240] if split == "train" else pixels[240:]
    return ArrayDataset((chosen / 16).astype(np.float32), np.arange(len(chosen)) % 10)


# whole numbers 0 to 16, a byte each
PACKED = """
c-mcDhmzzv4zrRKtn~k1yA%O>-21BTdS}LMD=+{c<?BkLx=a2WtF3fhVfpJR*A@G975Pl^zj}UtF4yyQ`I%Zj*WaUE`d=SOK
c8LCM_BuokG%Hw=V!Nf;OG7Ql<RSWxb%KuuX#SpC|j?)*K<C~SZ927Z+%P{dq4OW9+=l~`n7vS`SflKy{%u5&P#^f`Hxo4g)
vS2-WV0XelU+*@Z-3>*Zb<clZ^5VIIcam!vryIzoSl{%P{xW@sGWl)9LMu`DOcujyJ`wUz7<ouAhFSjpq+6*ER9$YxV5$d;B
HuXPqluU61};<cadYoa3VlDN7+g#!}Xjar<ZKx?C65@2U%{!CkxREc%N+r+&S*OTQ3ypI%3;`xtg<L;m5G3p&zgV}bclzxN*
aTARAft}l$cE}cNQ>cbJ}{QH1iRNZH}UzumTvMRNn??<)2$WOPE)A{z^8g>)kKP%<1fH1hZyZ(9WXXq1lDSuzwhRKcA{Y<ou
HL**>>4bc{aGAfb?bnU3*S%`-$Nb9Z@$z-eDg%k5RP5kAmk#XF<x@kv_z#)4OZPbT<a;0ZeZht}na24?Tj6{`jK-b&)jj6fI
oFnrn|9N58B-rRZ`qD=el8PcUucf*zW2rXpJBPQ2D}cd^*&z=;DR4w9d7<T%f22{S-aMAMVQrZILL;Bsy~FW=J|7K7ve)mtD
VclF3v`{(r3|iX*BEy+tM=pu(qyt5})>Pny||O^X=Fd*F47gOc?Mz<4-s#lX0hauKV@SP?C-}ibHzL>nv3mPsaCk9mPrA)K3
|@j^ADV?CYx6xYb|kJOlGKFi*RKqd0Nzj%C|ehsJ#?_*oVf*ZZy;Sm2j#JlLmp!LEa&-Bo-oEX;SVqU)HuSdcsGy3PuSIhIa
W92w@;|MT>LFgF+O^Uwgg=R!J61A$O><=E-H8wQrzpdpz->9WZGm#k*9bsatKawTq$Uv$6AbD0X_<}(?7#|&7W6JE}0V*0z&
t8t@n?C3sjvdyvSv1P*1?q-fQ#S(mZ`thG~z6XnbVCa=Uc7%=gM7q;JB6%)Y)KEupVi!8h6{;H8yb=G)%(&g)?YOOdAiv#oz
%wP<pWYzkt`>Us?~J!iHP5(*Za|d3orOF}uqAw+@yMqdMBMIKu-DGpcCIw+%XM{2-;rPLC#{=tqw>0kj$XJ^9qwFo-nS1}7z
g`y@YAxHrsk&I+z8+jpfKNrg_3xZc%@By(a<zi#PVpue<tk55>ljltm)5!h#$r?fx4fe3tRW=M>hkp+KYt0Ga<>-DY~=lIpD
9r8KFe1*TsAku|IyV!l(fAaSX?aaqq@7+(Mr7W4d199|%~IPw*t*mzXp6TOBx7$(Ooc%K#78gZ_LW>`2}o>JVex2VY$+HjUr
~@hnWPY60qrtrlzx@9Iafu%f?^`2H|(FOJ7HBI_SQJT@kdIp)A8!t&B}3UZgG(=4)f$IOFl*$F>RO!wUExz!_Mr(KyNm96{C
yc>xJVvgJFul#&o3|DSqeC@$Z^2HhDr8ov*(x!J3XXJ)y<ZKJ>8gJN%%z%M~Utm50q!74~ZVdplGXU0leZCeXcwibypD*}nV
}6-#OdKFHOd6I;xoy5)Z{wL2U>^DI9M5bpH(e&T7$^}HG~vT|2Jwi2#-(N<-YuC?<4)2%EdHkvG<2*?domr{p9iH!@JN6koS
C^;4R_Da@HHMMI81pE=dS_48R55tHDw_X?}YWf5uly;{~2GNQP=ri6~m~{>kqI0-zVJ`q=q_&CV01Od8fkjUj2D~7FKf0^-0
DaDsED`x*G%Rn6x7UZrH$vaG!Tka}d16d7B-2vkT$_M_4)-zq*YZ_f0U<O#6#<Y-WtAjx+bvKjg;DC2`Q<IpxPcPUJX$u2Vn
dagF&XaveQxr|5pI1iB#GSK#Nw1CQaSf%x>IkbMH#y&uH~i7ZLB+cGi?OdLtSF^QY5MpVvaS>rE>>iv81%x^m2ygLcZ(!>Ke
D|SB@@bpy}LCaYWp@V9FNnk8+Shske0TU-+mGB0&pB;2x+-Mk3LmZSii~;SwiHBgfl7?>mUhRN&6*CaOC2(x?@5m^?_-?3tB
GAkBoq>hj+PN~FynF0VMsXZa%rxqQ1P^Ec@DK5yBmV%=P4e6ge9ib<=-7?%qr8Eeeo=?*AP`SomY6tE*fYKRnapsq0abC40u
fg$C!C3#DkmBkNiMywYp_!>C*p=c`xu>mn1X)m(M%|IgiLeyO~S_ed7YOVtDhT5zR)<Bhp~#G*SR~D{`I$$ND*h<ca|5U<b|
jyt7$>o=V<s(<G_kd7g%^+MuG(I9*F-A^OQ8J7IWe<09Hkw_X`h-+%@5Iij#IhfS2_>`PVVZltr(e^pnLr@W3q{X~20-;Aex
MF>{N_($h|$bUtLor+rTaa1J_3CQKEa)s}vGf0iPNk-+|L;K*kU0@7*ulz58<0{oXd?kD+^k2ia0W*5c_9)yrU!cst>B@rmz
&X4Bt1HW|Nit%YdAYHAv>DN;<dw%#p0=kQM<SL4%@1i<`?<A^n2eTMXBYEf^ny&?`AOW?>z-90NbWHYL<5MCnaLcT1WFx}(O
{^rqQv*;lK+%||xqO3k*vP~l&_|9xYo3*TJ(lDu_^+n`HG9<!@kWd=z%#D1K|bX{ph<j8{woP3A$q_+o{~252@E3=cn?nOsb
p3S23QB+*d{*{9!{Og084ybDd^LS(RUp{oIr&OKg%W^sHeI1ICL=`P$qdk{h9!N$pG}TZ9IvNkVvP`<CF36%RZksJs__UUfq
ic;bz_p)C-~K-4nYnb~u_k+5`U<vp9jvOWGy?HeK<R-H1P_CnBLFg!>Z^>qnJ(y-9dhoN9kv^%rr3mp_p(Vqe5A4u29p(R%=
HCfkq33$G8~@;A)+@QQGK0?EzrT3#K{^Zv>5d!nv2d1K}w>W~%u*4uu26?RTMI)OOc(eNt`yJyB<Oxy&cv^h_tb6JqVC;_|c
9fDEXMtCRFO-t}{M0Ef9Yi#ZMGem!jBO-htK`;%~tu(;zslevwfLMQdf_{ce@$cxW6CPcq6F<_ru~3=oJuvPJ8gd@@rdg(K%
g3<eun{PIa~yY>G>iazgE+s)`z67g-}nXG@0u7oc8-R18UCBhaL-v#KL_&fqOkF&|1xci=h#!<O&wD0JAMV>*}wSjJbx<hm=
*BsW>z=aKX^T4^^5R4(CyAN<ClLJ?z8(aoeBQ{&K253{Sk3EU|}VGX#Ba02R(^d4d&S2`JyWvhplelDy0Yl)CvMa=>V*WFk>
1^q}*%ehD=B87`NXEddR#3gn?=K$IP#R$50-7Olaz$A<WxpkNfP?LCZsNbVS~k-Bdy#tXaP(iH|(uwhF*v9NaX#1@y&w!J7v
OK$!3x<M=Za)?D31bv$=bSb|>QnU{|JQI}ER8pWK>#6ylRVo4u)?jQkrALOCj8SlI4zw-+p4llh41EHTWfJ*>=C^VR0h98Hi
pZI%!-0d_hG^9I|B`?}VCEqmuk%$8*<0bBEA(}9`cy5c66$^jE-vs9^txL>DEx|KD``GjjgSc^!Zrw(sxC?n;y$mO0#^w8kR
sILIck@@)zZ}XjXTJK4O+DxER1ySIG{u2M{FHG<$1RDgGQJ`Z%4nwgwE)?Cf+s6eCl4RoxCECu$ac1X7yy;lL%7a&b_4N{w7
uhB{Lu*D{x;q(%bF;^$+YILJY)2QRUEnR+20d)&R-5{>?(l7L_qpHjP~J&XLJ8UW_ii>Kk&Mag)T@NvJDD|j(!Wz&*Uj4KgV
fyckn>pwH!Zq(XDyErER%F@vAJm1FQ;vRhbX1e&e2@hrNKWQqVXsD}d|~9yOsa*h?}0Fo8ur6{ir0Kcr=DQjVZHpZY+3ZEom
=RWCfe#6jhP&Lr_|Bc3248eT}|?v&4-ia2uYfDxWg1aQ6sewOj;z&*^!_096)9S6<*MB0Ogaz!>%A~)vLKpCg;N)vi16roak
c%kamJupyMrSLL7n3Or)fOBa*fYbNO8~B+`*K7utfLG=zzlr-HFS$D!(GEmREHD@jbWEU53tg!%)V*K(YuLZYZJizRqU?+6%
YAIruRL)Z;^~1oXPvU}ghLc;vTa}A(Vz7NUo>6UP{Q@r+h~XD$NdhzM10vp{ao_hSj0~i19Xg!dLu`j$IE<fq@jcKp2qdFy5
6v|%rN;D4k<W97g!QvgFFm2*qN|r0O1YP?Gj~>HHi;%QM)^d$^Ghou)B<SboW6$wCQ*^2!q5I6&4P8>6(8~f0KNqab0jW_EB
h;-4+v0Sg2#jMe7u>!<bD#+lCal;mp&EWjMqgL4&{f%`siyf3!tYM@8N}c>GbeY((2JfZB!{P;tbUQRDx~SMiS)>v~@w{OTY
h$z7Hz%J;Ga%R1rJ46dtQ5%+4v{gqLuj%%DSi;S#)_-|b<5eIgQf8{6b37=6%5x3}vK*_kl7}JD;lPUC<TGskF+z}oUbQ{G@
p>WxW*Z<^n#IZ3!a0UKrM62MJo-{*9>jXZlAgpC#|NSs|*9tcM#bNGSc+}K-^3)CdhA?&#A815X{V~Xw&O)6mqk6Uc{GbmZX
#IW+2v~8LfZrd}|1x;R);zHlpNQXBTr$HdhCn)^QL}v{T{63YznNZTRkS@(|7~m3!;AWW{yB@)XN_Q6{inY=K)q0)F3|s&7A
O=`wv80LI+iIdS+=0EvFY9>>nngfzh7FX8|6-xWzXs}7&AQ{!ol!VKQ!dzk^74;F8lqkDrGO^g+-Cl9<ig)K>k;>?(3)Et@F
rRmI6pcd6X7n3K|p`_}Y(b=7+I8Jh0s}fj^)j!ZFS~-0xAKcln3mWEANC6MA2+P@08TV<UrC#&R&q;X(3$TKPM58>jOyeyMT
oUf!KRT4WNnz-Ux|kv#HfU(AL8C-(=Sb?k&-hm@E-_{-J+;t~tkm(^$A00JKOSeC_lr14*wF8|jzBw0rrlDg#Ir0|FPX934=
E2!B{(or(v@vTfINc{6Z0PO99u{McL9=}e#PwQCE2_qIq!ZQA=^`eu1!=LxOc4XG?VNjtMTDJUq1HM>U{8|3H?SZ;%6#G*`C
Q+@k0YLXPZ4jww4Ja23$wv^HQ|D2@Yq*+t&19Iw_}3Tgt#{}J0eXm_X0?x_+o`?ph$$xMPGT^uF0&r-WJvI7|KUFZHKkJi!I
mc>BASmFkH==csoto61b4o7emIsOeuy2J3{-wt0X^gX0XMi&?^gTs+J{EF3)To|aSHr546NTAP+YSK!PIx(!p$cjIG7i38gN
T|5(NhTR!&L3tfC5D=z{LBWaDb~SH7}!-7kE$ve$`Fcb_bnFkiFNMeA-!<Jn!pr|M$*inaY*1`kk9A<R6tVcapft^Sl}#k@N
5`)ub*zuK*aCIf8l)0mMdkjligk|S<EzxeQ)=9ccK-g320-H`-vlV76T=Qe<=+W`yOALJ3=rW#zsatohQ-q!>soa=(vu>q;K
0HGTd6(%^b_ket(>C;cpd7=GbP%G?;1EFMueLJ1OA|R0b%lySe`NlQsqYe456QAuH_(I^M5lA%9as3z5WwZ2r{}!g)TfPII%
_u(|nd!c$|G94_V?WLx6GdLm;QgoV%<3@iuUx9Y&-7T>*W3x)sk}ZFu~YX4Ya;6lLW@%Q;lEs+Kl;nMr_mhp&p`Gz#t$7y7G
-yi?{gH_EHu<4PP}fDv8Vef{}k9yXaB)N`0(-^tG{+jKp<qd1cCrKMO~6<7`l<r6&8daxZ^9IKgwvtUQ}N8i-b1i%qK!w3M}
-D4cI2n_k@cTQK~G(JGb)XlYf`yU%|6C>p&iHi~2@b*3g_8KqB*SL_3}0{rGN8-tOaxjb#|5>mvslU4DM_m-^NNO8WFG%Fig
P$7V=tGLygd$B7P$&pPl|$2L9E8W9Nu<o?bP-&OQ;LnyW3qmCssu!DC@ETrXMi!X-rFRDZ2@&2#>l)4Dp6>najEgnKA7dyJu
|NXwf%x*aLDYR=JLVe!Gw#3e<#=?0(LHgSUA@P!q!t#A(-J@*QQ6~1;8jsea{J`x83_YQ~{ijoN-Nu9t93Cq$+%J{N-vnR{4
alCZTK%}_#vi|fUWojA$^)7KP0#erh|hfSpZ1rauymHCf9j$tAXq^Z5nC$+mj1hSuZ-7ye?Kj1nx22|o3+gr1=3QN^<T9g<-
_W6tS|@w)3&ooJ@!rPw7+2S5BV)pe-V7Q7^z-lM?dbFeNw2urEfde@eluP`*syD-3=SoGrw8Ntv{IIVLpAbu6HVhlDDcdHd%
l5tI7f$Y4D4Cy^Od4pB|kmjCWc558w7&hiv`A)?Z@njudD|L7zx(831K0HV!=CuU!MFWCgW1w{J8)9U--T7AyoP+l75gp0b#
P5Af|A7tzzfyQdh@l>a8z!T(YJ2v&#@SZVspgT4&ag^3f7JV3m-t#N|&Ni;M?z=XhlO-ZjXlSCSSt^S|>(vzbwtNHr@l3KzK
*Yy?t9tIZEU+`-e5%03~u~J6AjejPAD93+%I2WqUt>d@Ctie+h5aOuHPt%Ei_aC{ps4KsyUq#SCemq{w1Ur8C@2f6OqsP<w3
Y{vBvn2!w;_sWl;64B(P_h9&TQ~onKVjb5;o7kN8$5VS)Ztda5T1^PnY<_ej(u8XvQWvy3p)_jrxlyh&n0@Q2l2-HxBt`n(6
~VCLuCC#^6|((OQ+xT80q;u+B54QUUB=TU=ppbjqBi8sB|0`&#fF>Le;MspS1Q-;E~B?Y|0~^bSX}Wx5-As@&%o!71c+D@2l
rD`0qWbm&9bU3&$58W13oktflC_)Wr=MX5V;@@KUGxQ>zD%SNe|^_`&P9l^c;S3-oOEi3%N{JYj-{+|qd9;or4jV2$|OgkUQ
hGEJXmBai+U^xX@5(@LViF8zjM|7`47*v0b}C|ha$cPM|{>j?Z}y!l6syR9p?DL-?gX}^WAtIYl&>{CLS>?%1ZQ7+}u8J@;`
kNB}v?<ksI<@+jup0KCa-`4+R<%hRQz`QW5-(uk$Lsdq7ietzAPO&2LJlxR(#s9E=`8_|uLYC<r?cJx$#2QhCe>+R+x5JWUh
q4d=p2zETIo-ww+E3e7pG6xj4z6Cna}7_|3u7~#mvzijNcvKOP%)57KXH#$Z(do<X&<TA&NS<%^wpHTSwHQ6z{6E#W-$PNbR
FXv=_`j=J=)FLe$KgB9c+%D!xGj<n0xN`(Gk|t15-!WhJHZ+f9ecp1s?gkwFGFRkG9UKuCRdHmlA%%)3+VZqW$))2Oh#keJb
u}x-X2myV)V@ADlp?{<A}BXq!f$j23r8Y=p!r6n5ue$4tv<b;iGjeuH|Q_;T74)$WcB9{w<Sj;U7=gvh=fxpI8<Zb`g@FfUQ
Zu;JY33NnR3g|<^)M7jD_N03SM_T9i_{U3HbVw9ri(Iyy6K_hYM2oKR)U!fJaLN%dW>)0X2fqEzdPHsQvn<TlN^OtFg{T=?l
Jo<>O{(t577!u-p)`nuYXT870#kur`?v8BmI!9Rbe8pfrjrfy|24=7Qr@QdzaY!JNO;3Y-=rf@uq2gTJP2Mo;8~@O^CJ~(df
-0~l^TP3S-1O+kYCunpS?g9&_uH>}Ki{xY36nd8B2Qs6JXr76t#6PAVaI+2lJ5dYbk;`yP+<@^`!v>4-hKM6MnxP@f-O%uOC
fCU)_g90@x`6*0ilD?VOATm)AQTM_jlfiiP&>^fjaiXz||f2bbvlXfitc*tgZ@}Qx9`;4f;_ig#n)ZohIa7(aMjoYjH<iz_H
(gD1bj2Y#iGePnq`YU*Dx_pX)Mzj{Er#+j}If`xc&0yCr|{yb26j@Ie1Cl5?Ipe8RH<G57TRRgLT^k>@(ae+Th=9+QPj#&Ol
vXDhFR9DgZ~_NU6Ya8B62RVeo@gUGT20QZ5ukj#UKj`iS1S~D|v){GtJ;@E$JQyd5Xa&^kv{s%vZ)jG}8rBcE9l`)pyxp7+v
v-1inupU32>_b(*7>I=jpD2#XeOTv0;emq9hKYyp063x;(WB05x-jb4j%A^naO@o0()onmzvi1*FSs{=j(Y|kFhE1(i<Z%t_
?_u~*8fGln~kn((}7rLe%OZ0sNNqJ4grmwjk%}r?7zpED6pX1ee~v%zK0Drab2_Hj}8;_tW!L1dz=y8_H7fi<G|NM+p|0eeZ
N`q)MP-qQO9a1m+69?^S_VrEziO_8te(AP1t4}3^-19%z03c>72mNF`8D{_DX+_%i1#&t4z4R#4`#yeWl+9K!xz3R2868@2W
TU+TEwWOuY2G0zrB28ENVmahMK<vsj<W-5TgJ6W)SQPM+JD9ybb~KK%8yjBg*z!1;T}{4B(m6R!6Dg!*m6O@hN=w-aShwD-!
kb_!4zfwME6#QINBc@4R<Z;LNT-~kNlqph3eqh&AxeI~I@2#=Owk+<VAopV(c6xVy)$Y3rF3i@qm<1JrZ-*d;F_Ge*xm_1KT
bZ0h6`N!gkETKnge|+Gu16uJdV7~nc+BdW880PbXJHr@(_WK}yrQ?aRzMFlbh|jyDjyVPn5C=9C-lHKtuYtP7)HvkZ-mesuz
O5A$5`<S*`oF!tfai;E(_e7@BcVVqqZ^4E5|BvBPhVA_Lr@0g`z3@7;ka~r>#=q&`FZ}fMeT@kJKpzjo8Y(JHY~^Uz6;~u$8
gVk2^6=^#6CnxmG_rXyq{>q7kt>!29kfvH|#gBpmm;l_*q8nLtTsZXFTp+w!M#@Q|j86Sl^}(=GSC(2^g5m2-DHb!TRy?e|d
2lO>AiU5`Lq<nl++9y`wLi^i&4;`~*&MvlD^O_zqulX@A?v-%|vC{jL0duZZ&r=aAmG+$}9<)93Bn1lwL9|NDJI&|Ex^7fO5
W5W)x=j!*tn{)GN#iBb#wHQpU%>LlS-{?31#to~>nZVoo&Fzi{Jv4Tzc+c<|~P+IQ`=|whHr|qc2r;mDg<kbFiY=dnn*1aeG
rS%QL7y9BF|G*Bt@S^wNM`eZKM`$ABjKHN~z3sEVbvL6?8+`}O-d~aDxPR;~HmW;4JJdg`z9;7TLAzF;GM&d|)7fvU9>s5cP
WIQaIHYaVVHG`Re`FISSffTIfD(Un<ubj^Gwf@p2m`S4D2el@p3lB-8KC>7{Sz4306eHWvogqnUItEfVwIYxdxMfA3qPO()B
bS$=H5^kB~O6|m)0qK!qH1>Jh%@J^IZ!+ZqE4>?1rbk-PB!9pMu-Y>3E*{l+QUrS(FzCxv#w3-*X^8pKkKH*!7E^$Bx><u<D
ccPunsZ;leWYH))+!&$Tw3qoQ5_{XN@@1csfrW<!-MQ9)VG;-_|)xLLk+mXq$CzV{*N3k%xrS}*$Jzt+Y**k)MD*#}v_UQwr
DKmM@(+_1i%H}gj2go4R{?3!ZuJ3u5LT5R;g2`|<9dyje|;qXh-;TmuZ66ke}_+Nugg}nl&=l1uO1mHO2>8kxsvcEW>5qYlv
X214yIA=Z_kYnaXX25NUd-^6Hu@{{4@11x&TEj*Jpb3D3?7KPz^~5?-=la(G*niHS2MNOIM*ltZzk~zK_qP7i_Wa<w{1VmhI
Sz7BhY9_D-%D^NB+H|ITV_#1$jR@Yb3xV?^>($?Qat&n5+%s|=bV}@e{nN^%fJ_PQoBWb%7p%6?-Ba%wL)}{^ZtjV?8Kh{(A
l5v-?AnHb3)&%po<Lo>1G=-&kK1rN?X9Z@p#!cCfMiqG`?kPd&|PY0!jRdN4Jn{lN*Re*ZJIVuRymF`<w4Mf9k`i550ZXzoJ
M6UlfoQj|Y^;DZx1JjVkPmL46Ifqg<DH{(^k~59*l<>nd?e-(PUvQ^rWkb6$B~zX$f+m%p6zml3<6MCat)6IoC0Z3QS@rKz3
m{bA<cJb?cw-b}0)#8%()vTp@9e*2(Z*Ma5vlYjm6FJ1UKH)eTH(n4wAKSvQg$6&RspgWHMYX^#Wu2uqMGXFd4lw+LX`n><_
v2*zm{=(xi6M?r36zWbGf@!?(Kd{&MfOrZ%Q$Q<u*v?brpGFGEUT!`h`i*^tc8<R@|Ly9a&)ka7v%Pmnq8)g|W&<@lTwN)(>
kE6JKTD9%2d&`H$8u4Bv_2o&y`y}V9=<>6!Nh0Ci-H5+%ffbJ)K$Wh$aCBMd+d84?~DQq&vyPY!{H)q%88xog<{UK5B~r(VT
SM
"""
